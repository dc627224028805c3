"""
The sidecar from its first signal to its exit code: it watches an application that somebody else has started.

Theory of operation. The main thread waits for signals only, as that of the agent does (see `kernel`); a thread watches
the application and hands what it sees to the main thread. The end is heard through `processender pre-stop`, which comes
in on the socket, or by a signal. Then the same engine runs the same plan as in front of a command, except that the
application is told and waited for instead of being ended, and what it has left is recovered afterwards. A run for which
pre-stop has asked, first or behind a source, leaves the sidecar in its place until the signal comes: the kubelet may
call pre-stop twice, and the hook must not die with its container.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

from ..core.crash import RECOVERY
from ..core.events import RoomEvent, Trouble
from ..core.handler import Handler, Importance
from ..core.outcome import Verdict
from ..engine.clock import SystemClock
from ..errors import ObligationError
from ..hints import Any, ClassVar
from ..plugins import find_releaser
from ..ports import Context
from ..recovering import recover_at_start
from ..telemetry.state import state_place
from . import kernel, meeting
from .alarms import Alarms
from .answers import serve
from .application import Application, Listener
from .children import Children
from .crash import Crash
from .ending import UNCLEAN
from .engine import Engine
from .goodbye import Goodbye
from .health import Health
from .holding import Holding
from .listeners import Listeners
from .probes import ProbeServer
from .settings import Settings
from .sighting import NotYet, Unseen
from .steering import in_words, this_process

_LAST_WORDS_S = 0.25
_MOMENT_S = 0.02
_RECOVERY_S = 2.0
_RECOVERY_SHARE = 0.1
_USED = 0.9


class Watching(RoomEvent):
    """The application is there, or it is waited for."""

    key: ClassVar[str] = "watching"
    words: ClassVar[dict[str, str]] = {"what": "processender.sidecar.watches"}

    what: str
    """What is watched, in words."""

    @property
    def text(self) -> str:
        """What is watched."""
        return f"watching {self.what}"


class Sidecar(Listener):
    """One application that is watched, the engine, and the main thread between them."""

    def __init__(
        self,
        settings: Settings,
        children: Children,
        make: Callable[[Callable[[Callable[[], object]], object], Listener], Application],
        tell: Callable[[Application], Goodbye],
        *,
        control: str = "",
        once: bool = False,
    ) -> None:
        """
        Take everything up; nothing is watched yet.

        Args:

            settings: What was decided.

            children: Who knows the children of this process: the commands of handlers, and orphans if it is process 1.

            make: Makes the application, of how the main thread is told, and whom it tells.

            tell: Makes what tells the application that the end has come.

            control: The path of the socket; empty for the usual one.

            once: Whether the end of the application is that of the sidecar.

        Raises `MeetingError` and `ProbeError`.
        """
        self._settings = settings
        self._children = children
        self._once = once
        self._clock = SystemClock()
        self._alarms = Alarms(self._clock)
        self._health = Health()
        self._application = make(self._alarms.soon, self)
        self._name = settings.service or "sidecar"
        self._engine = Engine(settings, self._name, self._application, self._health, ladder=tell(self._application))
        self._expected = min(_RECOVERY_S, _RECOVERY_SHARE * settings.grace)
        self._engine.ender.add(
            Handler(RECOVERY, self._recover, phase="release", importance=Importance.MUST, expected=self._expected)
        )
        self._path = control or meeting.meeting_place(self._name, os.environ)
        self._socket: Any = meeting.listen(self._path)
        self._probes = ProbeServer(settings.probe_listen, self._health, self._clock) if settings.probe_listen else None
        self._desk = Holding(self._engine, self._told)
        self._since = self._clock.now()
        self._seen: Callable[[], dict[str, Any]] = dict
        self._heard: dict[int, int] = {}
        self._signalled = False
        self._status: int | None = None

    def run(self) -> int:
        """Watch until the end and return the exit code."""
        try:
            self._engine.arm(self._code)
            if self._probes is not None:
                self._probes.start()
            serve(self._socket, self._desk)
            self._application.start()
            if self._settings.sources:
                self._listen()
            self._watch_over()
            self._engine.finish()
            self._linger()
        finally:
            meeting.leave(self._path)
        return self._code(self._engine.verdict)

    def _listen(self) -> None:
        listeners = Listeners(
            self._settings.sources, self._clock, self._alarms.soon, self._engine.take, self._engine.tell
        )
        self._seen = listeners.seen
        self._engine.ender.tells(listeners.seen)
        listeners.start()

    # The main thread.

    def _watch_over(self) -> None:
        while self._engine.verdict is None:
            self._turn(self._engine.kill_at)
            until = self._engine.kill_at
            if until is not None and self._clock.now() >= until:
                return

    def _linger(self) -> None:
        """Stay until the signal comes, if there may be another pre-stop: its hook lives in this container."""
        until = self._engine.kill_at or 0.0
        last = min(until, self._clock.now() + _LAST_WORDS_S)
        while self._desk.held and self._clock.now() < last:
            # Whoever holds is being answered at this moment.
            self._turn(min(last, self._clock.now() + _MOMENT_S))
        if self._desk.hooked:
            while not self._signalled and self._clock.now() < until:
                self._turn(until)

    def _turn(self, until: float | None) -> None:
        """Wait for one signal, or until something is due, and do what it means."""
        times = [at for at in (until, self._alarms.next) if at is not None]
        heard = kernel.take(max(0.0, min(times) - self._clock.now()) if times else None)
        self._children.reap()
        if heard is not None and heard.number != kernel.CHLD:
            self._take(heard)
        self._alarms.ring()

    def _take(self, heard: kernel.Heard) -> None:
        if heard.number == kernel.ALRM and heard.by_kernel and self._engine.out_of_time:
            os._exit(128 + (self._engine.signum or kernel.KILL))
        self._heard[heard.number] = self._heard.get(heard.number, 0) + 1
        if self._settings.policy.get(heard.number) == "stop":
            self._signalled = True
            self._engine.hear(heard)

    def _code(self, verdict: Verdict | None) -> int:
        if self._once and self._status:
            return 128 - self._status if self._status < 0 else self._status
        return 0 if verdict is Verdict.CLEAN else UNCLEAN

    # What the application does, told on the main thread.

    def appeared(self) -> None:
        """Take note that the application is there."""
        self._health.running = True
        application = self._application
        what = f"process {application.pid} {application.argv[0]!r}" if application.pid else repr(application.argv[0])
        self._engine.ender.tell(Watching(self._clock.now(), what=what))
        # What drainers of an earlier life have sent away comes again.
        self._engine.ender.come_back()

    def unseen(self, error: Unseen) -> None:
        """Take note that it cannot be seen, and why; a reason is not repeated while it lasts."""
        if isinstance(error, NotYet):
            self._engine.ender.tell(Watching(self._clock.now(), what=f"nobody: {error}"))
        else:
            self._engine.tell("unseen", str(error))

    def ended(self, pid: int, program: str, status: int | None, cause: str) -> None:
        """Account for an end that nobody has asked for, and release what it has left, on a thread of its own."""
        self._health.running = self._application.there
        if self._engine.ender.stopping.is_set():
            return
        self._status = status
        facts = {
            "status": status, "pid": pid, "program": program, "core": False,
            "cause": cause or ("killed" if status is None else ""), "restarts": 0,
        }  # fmt: skip
        threading.Thread(target=self._follow, args=(facts,), name="processender-crash", daemon=True).start()

    def _follow(self, facts: Mapping[str, Any]) -> None:
        try:
            if facts["status"] == 0:
                self._release(self._settings.crash_grace)
            else:
                Crash(self._name, os.environ, self._settings, self._engine.ender.tell).handle(facts, ())
        except Exception as error:  # what follows one crash must not end the watch
            text = f"cannot do all that follows the end of the application: {error}; run `processender recover`"
            self._engine.ender.tell(Trouble(self._clock.now(), "crash", text))
        self._alarms.soon(self._followed)

    def _followed(self) -> None:
        if self._once:
            self._engine.command_ended()

    # What it has left.

    def _recover(self, ctx: Context) -> None:
        """Release what the application has left, in the time of *ctx*."""
        self._release(ctx.remaining() * _USED)

    def _release(self, seconds: float) -> None:
        place = state_place(self._name, os.environ)
        if not place.path:
            raise ObligationError(f"cannot recover: {place.trouble}")
        if not self._settings.crash_recover:
            return
        found = recover_at_start(place.path, find_releaser, self._clock, seconds, self._engine.ender.tell)
        if found.open:
            raise ObligationError(f"{len(found.open)} of what is owed could not be released; `processender recover`")

    # Those who ask.

    def _told(self) -> dict[str, Any]:
        """Return how the sidecar and its application are, in the words of an agent's status."""
        application, engine = self._application, self._engine
        return {
            "state": engine.state or ("running" if application.there else "waiting"),
            "service": self._name,
            "ready": self._health.ready,
            "agent": this_process(self._since, self._clock.now()),
            "command": {
                "program": application.argv[0],
                "pid": application.pid if application.there else 0,
                "running": application.there,
                "status": self._status,
                "restarts": 0,
                "watched": True,
            },
            "grace_s": self._settings.grace,
            "config": self._settings.file,
            "profile": self._settings.profile,
            "signals": {kernel.name_of(number): count for number, count in sorted(dict(self._heard).items())},
            "asked": in_words(engine.notices),
            "sources": self._seen(),
            "joined": [],
        }
