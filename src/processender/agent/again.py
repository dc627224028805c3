"""
The life of the command where it has more than one: it is prepared, started, looked after, ended, and started again.

Theory of operation. Everything here happens on the main thread, which is called when something has come: the command
has ended (`ended`), a run of hooks is over, a time has passed, somebody wants it anew (`restart`). What takes long runs
on a thread beside it. The end of all is the business of others: when it has begun, whoever began it, the state is
`over`, nothing is started any more, and what prepares a start gives way at once.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.events import Trouble
from ..core.handler import Handler, Importance
from ..core.restarts import GIVE_UP, Past, Restarts, wanted
from ..engine.clock import SystemClock
from ..errors import StateError
from ..hints import Any
from .alarms import Alarms
from .builtin import COMMAND
from .care import Care
from .command import Command
from .errors import CANNOT_RUN, CommandNotStarted
from .health import Health
from .hooks import HookRuns
from .lines import Lines
from .settings import Settings
from .voice import Voice

PREPARING, UP, ENDING, CLEARING, PAUSE, OVER = "preparing", "up", "ending", "clearing", "pause", "over"
"""Before a start, while it runs, while it is ended to be started anew, after its end, before the next try, for good."""
_GIVE_WAY_S = 1.0


class Again:
    """Who starts the command, as often as it is to be started. Main thread only."""

    def __init__(
        self, settings: Settings, command: Command, health: Health, alarms: Alarms, engine: Callable[..., Any]
    ) -> None:
        """Take everything up; *engine* gives that of the agent, with `known=True` None where it is not loaded yet."""
        self.code: int | None = None
        """The exit code of the agent where it is not that of the command."""
        self.accounted = False
        """Whether what follows the last crash was seen to."""
        self.blamed = ""
        """Why the agent itself has ended the command, as the cause of a crash; empty if it has not."""
        self.restarts = 0
        """How often it was started again."""
        self.when_started: list[Callable[[], object]] = []
        """What is called when the command was started, in each of its lives."""
        self.when_ready: list[Callable[[], object]] = []
        """What is called when the command is ready, in each of its lives."""
        self._settings = settings
        self._command = command
        self._health = health
        self._alarms = alarms
        self._engine = engine
        self._clock = SystemClock()
        self._voice = Voice(Lines(as_json=settings.json_lines, talkative=False, verbosity=settings.verbosity))
        self._rules: Restarts = settings.restarts or Restarts()
        self._past = Past()
        self._state = UP if command.pid else PREPARING
        self._started = self._clock.now()
        self._alarm = 0
        self._hook_runs = HookRuns(alarms, self._clock, self._voice.observe)
        self._heeded = False
        self.care = Care(settings, command, health, alarms, self, self._ready)
        """Who looks after it while it runs."""

    @property
    def last(self) -> tuple[bool, str, int]:
        """Whether the last crash was seen to, why the agent has ended the command itself, and the restarts so far."""
        return self.accounted, self.blamed, self.restarts

    @property
    def state(self) -> str:
        """Where the command is, in a word: `preparing`, `up`, `ending`, `clearing`, `pause` or `over`."""
        return self._state

    @property
    def up(self) -> bool:
        """Whether the command runs and nobody has asked for its end."""
        return self._state == UP and not self._stopping()

    def begin(self, control: str) -> None:
        """Prepare the command and start it for the first time; *control* is the path of the agent's socket."""
        self._command.more |= self.care.open(control)
        self._run("pre_start", self._start)

    def look(self) -> None:
        """Heed the end of all, once, when it has begun."""
        if self._heeded or not self._stopping():
            return
        self._heeded = True
        running, self._state = self._state in {UP, ENDING}, OVER
        self.care.end()
        if not running:
            self._hook_runs.hurry("the end has begun")
            self._command.abandon()

    def ended(self) -> bool:
        """Take note that the command has ended; return whether it will be started again."""
        self.look()
        if self._state == UP:
            self._after_end()
        return self._state != OVER

    def restart(self, blame: str = "") -> None:
        """
        End the command as at the end of all, and start it anew: the one way to do so.

        Args:

            blame: The cause, where this answers a failure: then it counts as a crash.

        Raises `StateError` when it is under way already, or the end of all is.
        """
        if self._stopping() or self._state not in {UP, PAUSE}:
            why = "the end is under way" if self._stopping() else f"it is under way already ({self._state})"
            raise StateError(f"cannot restart: {why}; wait for it")
        if self._state == PAUSE:
            self._alarms.cancel(self._alarm)
            self._again()
            return
        self._leave_alone(ENDING)
        self._health.running = False
        handlers = (*self._hooks("pre_stop"), *self._end_of_command())
        self._hook_runs.begin(
            "restart", handlers, self._settings.grace, self._was_ended, self._account(failed=bool(blame))
        )

    def blame(self, cause: str, text: str) -> None:
        """Take note of why the command will be ended, and tell it; an empty *cause* is only told."""
        self.blamed = cause
        self._say(cause or "check", text)

    def finish(self, cause: str) -> None:
        """Begin the end of all."""
        self._engine().ender.stop(cause)

    def close(self, until: float | None) -> None:
        """Let what still runs beside give way; what follows a crash has time up to *until*, the last moment of all."""
        self._hook_runs.hurry("the agent leaves")
        left = self._settings.crash_grace if until is None else until - self._clock.now()
        self._hook_runs.join(max(_GIVE_WAY_S, min(left, self._settings.crash_grace)))
        self.care.close()
        self._voice.flush()

    @property
    def busy(self) -> bool:
        """Whether something still runs beside."""
        return self._hook_runs.busy

    # The start.

    def _again(self) -> None:
        """Begin with another life."""
        if self._stopping():
            return
        self.restarts += 1
        self._state = PREPARING
        self._run("on_restart", lambda _good: self._run("pre_start", self._start))

    def _start(self, good: bool) -> None:
        if self._state != PREPARING or self._stopping():
            return
        if self._command.running:
            self._not_started("the one before it has not ended, not even by KILL")
            return
        if not good:
            self._not_started("a pre-start hook has failed, so the command is not started")
            return
        known = self._engine(known=True)
        try:
            started = self._command.start("" if known is None else known.budget, lambda: not self._stopping())
        except CommandNotStarted as error:
            if not self.restarts:
                raise
            self._not_started(str(error), error.exit)
            return
        if started:
            self._state, self._started = UP, self._clock.now()
            self.blamed, self.accounted = "", False
            self._health.running = True
            for function in self.when_started:
                function()
            self._run("post_start")
            self.care.begin()

    def _not_started(self, text: str, code: int = CANNOT_RUN) -> None:
        """Go on after a start that has failed: the first one is the last."""
        self._say("not-started", text)
        self._state = CLEARING
        if not self.restarts or not wanted(self._settings.restart, failed=True):
            self.code = code
            self.finish("not-started")
            return
        pause = self._pause(0.0)
        if pause is None:
            self.finish("gave-up")
        else:
            self._wait(pause)

    def _ready(self) -> None:
        self._run("ready")
        for function in self.when_ready:
            function()

    # The end of one life.

    def _after_end(self) -> None:
        """Decide what follows when it has ended by itself, or was killed."""
        self._leave_alone(CLEARING)
        status = self._command.status or 0
        code = 128 - status if status < 0 else status
        failed = bool(self.blamed) or (bool(code) and code not in self._settings.expect_exit)
        if not wanted(self._settings.restart, failed=failed):
            self._state = OVER
            return
        pause = self._pause(self._clock.now() - self._started)
        if pause is None:
            self._state = OVER
            return
        handlers = self._end_of_command()
        self._hook_runs.begin(
            "restart", handlers, self._settings.grace, lambda _good: self._wait(pause), self._account(failed=failed)
        )

    def _was_ended(self, _good: bool) -> None:
        """Go on when it was ended to be started anew."""
        if self._state != ENDING:
            return
        self._state = CLEARING
        if not self.blamed:
            self._again()
            return
        pause = self._pause(self._clock.now() - self._started)
        if pause is None:
            self.finish("gave-up")
        else:
            self._wait(pause)

    def _pause(self, ran: float) -> float | None:
        """Return how long to wait before the next start, None when it is given up."""
        following = self._rules.after_end(self._past, self._clock.now(), ran, self._clock.chance)
        self._past = following.past
        if following.what != GIVE_UP:
            self._say("restart", f"the command is started again in {following.pause:.2f} s")
            return following.pause
        self.code = self._rules.exit
        often = f"it has ended {self._rules.after} times within {self._rules.within:g} s"
        self._say("gave-up", f"the command is not started again: {often}; look at why it ends, or at [restart] give_up")
        return None

    def _wait(self, pause: float) -> None:
        if self._state == CLEARING and not self._stopping():
            self._state = PAUSE
            self._alarm = self._alarms.after(pause, self._again)

    def _account(self, *, failed: bool) -> Callable[[], object] | None:
        """Return what sees to all that follows a crash, on a thread; None after an end that is none."""
        if not failed:
            return None
        engine, cause, restarts = self._engine(), self.blamed, self.restarts
        self.accounted = True
        return lambda: engine.after_crash(cause, restarts)

    # Small things.

    def _leave_alone(self, state: str) -> None:
        self._state = state
        self.care.end()

    def _stopping(self) -> bool:
        engine = self._engine(known=True)
        # A drain waits, and can be taken back.
        return engine is not None and engine.state not in {"", "draining", "drained", "resuming"}

    def _hooks(self, point: str) -> tuple[Handler, ...]:
        return tuple(self._settings.hooks.get(point, ()))

    def _end_of_command(self) -> tuple[Handler, ...]:
        """Return what brings all of this life to its end, and releases what its shells owed."""
        engine = self._engine()
        end = Handler(COMMAND, engine.end_of_command(), phase="quiesce", importance=Importance.MUST)
        return end, *engine.tracked, *self._hooks("post_stop")

    def _run(self, point: str, then: Callable[[bool], object] = lambda _good: None) -> None:
        handlers = self._hooks(point)
        if handlers:
            self._hook_runs.begin(point.replace("_", "-"), handlers, self._settings.hooks_limit, then)
        else:
            then(True)

    def _say(self, code: str, text: str) -> None:
        self._voice.observe(Trouble(self._clock.now(), code, text))
