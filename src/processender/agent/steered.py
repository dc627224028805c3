"""The agent as those see it who steer it from outside: all of it is for the main thread alone."""

from __future__ import annotations

import gc

from ..demand import load
from ..engine.clock import SystemClock
from ..hints import TYPE_CHECKING, Any
from .alarms import Alarms
from .command import Command
from .errors import ShortError
from .health import Health
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

Notice = Any
"""See `core.notice.Notice`, which a lean agent never loads."""


class Steered:
    """The half of an agent that is asked for something, and tells how it is."""

    _alarms: Alarms
    _asked: bool
    _clock: SystemClock
    _command: Command
    _health: Health
    _settings: Settings
    _name: str

    def __init__(self, reread: Callable[[], Settings] | None) -> None:
        """Take what reads the configuration again."""
        self.heard: dict[int, int] = {}
        """How often each signal has come."""
        self.joined: Any = None
        """The applications that have joined; None as long as none can have."""
        self.again: Any = None
        """What starts the command again; None for one that is started once, as long as nobody has asked for it."""
        self.since = SystemClock().now()
        """When the agent began, seconds on the monotonic clock."""
        self._reread = reread
        self._engine: Any = None
        self._tracker: Any = None
        self._unit: Any = None
        self._listeners: Any = None
        self.within: Any = None
        """What the manager of the unit gives; None where there is none."""

    @property
    def seen(self) -> dict[str, dict[str, str]]:
        """What each source has seen last, by its name."""
        seen: dict[str, dict[str, str]] = {} if self._listeners is None else self._listeners.seen()
        return seen

    @property
    def alarms(self) -> Alarms:
        """What brings others to the main thread."""
        return self._alarms

    @property
    def clock(self) -> SystemClock:
        """The time."""
        return self._clock

    @property
    def command(self) -> Command:
        """What it watches."""
        return self._command

    @property
    def engine(self) -> Any:
        """Its engine; None for a lean agent to which nothing has happened."""
        return self._engine

    @property
    def health(self) -> Health:
        """What the probes say."""
        return self._health

    @property
    def settings(self) -> Settings:
        """What was decided."""
        return self._settings

    @property
    def name(self) -> str:
        """The name of the service."""
        return self._name

    def armed(self) -> Any:
        """Return the engine, which a lean agent loads and arms only now; raise `ShortError` if it has no room."""
        if self._engine is None:
            # What is loaded stays; to look through it for garbage on the way finds none.
            gc.disable()
            try:
                self._load_engine()
                self._arm()
            except (OSError, RuntimeError) as error:
                # Half an engine is none; later there may be room for a whole one.
                self._engine = None
                raise ShortError(f"cannot begin what is asked for: {error}; see the limits (ulimit -a)") from error
            finally:
                gc.freeze()
                gc.enable()
        return self._engine

    def _load_engine(self) -> None:
        raise NotImplementedError

    def _arm(self) -> None:
        raise NotImplementedError

    def notices(self) -> list[Notice]:
        """Return what was heard last."""
        return [] if self._engine is None else list(self._engine.notices)

    def end(self, notice: Notice) -> None:
        """Begin the end; a command that was not started yet is not started any more."""
        self._asked = True
        self.armed().take(notice)

    def note(self, notice: Notice) -> None:
        """Note who asked for something that is no end; a lean agent keeps that for as long as nobody asks for more."""
        if self._engine is not None:
            self._engine.take(notice)

    def take_grace(self, grace: float) -> None:
        """Have so many seconds from now on; raise `ProcessEnderError` where the end has begun."""
        if self._engine is not None:
            self._engine.ender.exchange((), (), grace)
        self._settings = self._settings.replace(grace=grace)

    def hear(self, notice: Notice) -> None:
        """Take what a source says."""
        if notice.action == "stop":
            self.end(notice)
        else:
            self.armed().take(notice)

    def complain(self, code: str, text: str) -> None:
        """Tell of what could not be done."""
        raise NotImplementedError

    def reload(self, sender: str) -> tuple[list[str], list[str]]:
        """Read the configuration again for *sender*; return why it is not taken over, and the keys that never are."""
        if self._unit is not None:
            self._unit.reloading()
        later: list[str] = []
        try:
            self._settings, problems, later = load("agent.reload").reload(self, self._reread, sender)
        except ShortError as error:
            problems = [str(error)]
            load("agent.voice").tell(self._settings, "reload", str(error))
        return problems, later

    def make_again(self) -> Any:
        """Return what starts the command again."""
        if self.again is None:
            room = load("agent.again")
            parts = (self._settings, self._command, self._health, self._alarms)
            self.again = room.Again(*parts, lambda known=False: self._engine if known else self.armed())
            if self._unit is None or self._command.pid:
                self.again.when_ready.append(self._come_back)
            self.again.when_started.append(lambda: self.joined is not None and self.joined.forget())
        return self.again

    def _come_back(self) -> None:
        """Bring back the traffic that drainers have sent away for longer than a life, now that the command is ready."""
        if any(handler.lasting for handler in self._settings.handlers):
            self.armed().ender.come_back()

    def make_desk(self) -> Any:
        """Return who does what is asked for on the socket."""
        self.joined = load("agent.joined").Joined(self._name)
        if self._listeners is not None:
            self._listeners.joined = self.joined
        if self._engine is not None:
            self._engine.join(self.joined)
        steering = load("agent.steering").Steering(self)
        return load("agent.desk").Desk(steering, self._make_tracker, self.joined)

    def _make_tracker(self) -> Any:
        """Make what tracks for shells."""
        self._tracker = self.armed().tracker()
        return self._tracker
