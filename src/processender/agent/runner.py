"""
The agent from its first signal to its exit code: it starts the command, and sees everything to its end.

Theory of operation. The main thread starts the command and then waits for one thing only, the next signal (see
`kernel`): the end of a child, a signal from outside, a caller on the control socket, or a word of another thread. It
reaps orphans, hands signals on, and is the guard: when the run has had its time, it kills what is left, whatever the
engine's threads do. The process leaves by `os._exit`, so no thread can hold it.
"""

from __future__ import annotations

import gc
import os

from ..demand import load
from ..engine.clock import SystemClock
from ..hints import TYPE_CHECKING, Any
from . import kernel
from .alarms import Alarms
from .children import Children
from .command import Command
from .control import VARIABLE, Control
from .ending import Ending
from .epilogue import SHORT, Epilogue
from .health import Health
from .jobs import Jobs
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_LOOK_S = 0.02


class Agent(Epilogue):
    """One command, its engine, and the main thread that watches both."""

    def __init__(
        self,
        argv: Sequence[str],
        settings: Settings,
        children: Children,
        mask: Iterable[int],
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        """
        Take everything up except the command; raise `ProbeError` when the probe face cannot listen.

        Args:

            argv: The command.

            settings: What was decided.

            children: Who knows the agent's children.

            mask: The signals that were blocked when the agent was started.

            reread: Reads the configuration again.
        """
        super().__init__(reread)
        self._settings = settings
        self._children = children
        self._clock = SystemClock()
        self._alarms = Alarms(self._clock)
        self._health = Health()
        self._jobs = jobs = Jobs(settings.setsid)
        # Who feeds the command reads the terminal itself.
        jobs.terminal = jobs.terminal and not settings.feeds
        self._command = Command(
            argv,
            children,
            mask=mask,
            session=jobs.session,
            terminal=jobs.terminal,
            group=settings.kill_group,
            rewrite=jobs.rewrites(settings.rewrite),
        )
        if settings.capture or settings.feeds or settings.hears:
            self._command.pipes = load("agent.pipes").Pipes(settings, self.complain, watch=settings.hears)
        self._name = settings.service or os.path.basename(argv[0]) or "command"
        self._probes: Any = None
        if settings.probe_listen:
            self._probes = load("agent.probes").ProbeServer(settings.probe_listen, self._health, self._clock)
        self._face: Any = None
        if settings.control_listen:
            self._face = load("agent.serving").control_face(settings.control_listen, self)
        self._control = Control(self.make_desk)
        self._unit: Any = None
        if "NOTIFY_SOCKET" in os.environ or os.environ.get("LISTEN_PID") == str(os.getpid()):
            self._unit = load("agent.unit").Unit(
                os.environ, settings, self._command, self._alarms, self._clock, self.complain
            )
        self._troubles: list[tuple[str, str]] = []
        self._ignored, self._asked = kernel.ignored(), False
        if settings.lives:
            self.make_again()
        self._make_listeners()
        if not settings.lean:
            self._load_engine()

    def run(self) -> Ending:
        """Start the command, see everything to its end, and return how to go; raise `CommandNotStarted`."""
        try:
            self._begin()
            self._see_to_end()
        except BaseException:
            # A bug here must not leave a command that nobody watches.
            self._command.kill(everything=True)
            raise
        finally:
            if self._unit is not None:
                self._unit.close()
            self._control.close()
            self._command.tidy()
        return self._follow_up()

    def _see_to_end(self) -> None:
        try:
            self._stand_guard()
            self._clear()
        except SHORT as error:
            if not self._command.pid:
                raise
            load("agent.plain").end(self._command, self._settings, error)

    def _clear(self) -> None:
        """End what the run has left."""
        beside = False
        if self.again is not None:
            self.again.close(None if self._engine is None else self._engine.kill_at)
            beside = self.again.busy
        if self._engine is not None:
            everything = beside or self._engine.verdict is None
            self._command.sweep(everything=everything, wait_tree=self._settings.wait_tree)

    def _make_listeners(self) -> None:
        sources = self._settings.sources
        if sources:
            make = load("agent.listeners").Listeners
            self._listeners = make(sources, self._clock, self._alarms.soon, self.hear, self.complain)

    # The engine.

    def _load_engine(self) -> None:
        observers: list[Any] = [] if self._listeners is None else [self._listeners]
        if self._unit is not None:
            observers.append(load("agent.status").Status(self._unit, self._alarms))
        self._engine = load("agent.engine").Engine(
            self._settings, self._name, self._command, self._health, observers, self.joined
        )

    def _arm(self) -> None:
        self._engine.arm(lambda _verdict: self._ending().code)
        if self._listeners is not None:
            self._engine.ender.tells(self._listeners.seen)
        for code, text in self._troubles:
            self._engine.tell(code, text)

    # The life of the command.

    def _begin(self) -> None:
        told = self._jobs.begin(self._settings.parent_death)
        told += [("no-subreaper", self._children.adopt_orphans()), ("no-control", self._control.open())]
        self._command.trouble = self.complain
        self._command.more = {VARIABLE: self._control.path}
        if self._unit is not None:
            self._unit.when_ready = self._come_back
            self._unit.prepare(os.path.dirname(self._control.path))
            told.append(("systemd", self._unit.trouble))
        self._troubles += [(code, text) for code, text in told if text]
        if self._engine is not None:
            self._arm()
        elif self._troubles:
            # What cannot be done is told now, also by a lean agent.
            self.armed()
        for face in (self._probes, self._face, self._listeners):
            if face is not None:
                face.start()
        while (heard := kernel.take(0.0)) is not None:
            self._take(heard)
        if "INVOCATION_ID" in os.environ:
            self.within = load("agent.within").Within(self)
        self._start()
        self._health.running = self._command.running
        # Everything is loaded; what is there now is not looked through again.
        gc.freeze()
        gc.enable()

    def _start(self) -> None:
        unit, again = self._unit, self.again
        if again is not None and not self._asked:
            again.when_ready += [] if unit is None else [unit.started]
            again.begin(self._control.path)
        elif not self._asked:
            self._command.start("" if self._engine is None else self._engine.budget)
            if unit is not None:
                unit.started()
            else:
                self._come_back()
        elif again is None:
            self._command.abandon()

    def _stand_guard(self) -> None:
        """Watch the command, the orphans and the clock until the run is over or its time is."""
        while not self._over():
            waits = self._look()
            if self._over():
                break
            heard = kernel.take(self._patience(waits=waits))
            if heard is not None:
                self._take(heard)
            self._alarms.ring()
            until = None if self._engine is None else self._engine.kill_at
            if until is not None and self._clock.now() >= until:
                return
        if self._engine is not None:
            self._engine.finish()

    def _over(self) -> bool:
        if self._engine is not None:
            return self._engine.verdict is not None
        return self._command.gone and not self._settings.handlers and self._command.all_gone()

    def _look(self) -> bool:
        """Look who has ended; tell whether a child of ours still waits for its owner, who is another thread."""
        if self.again is not None:
            self.again.look()
        if self._command.watch():
            self._health.running = False
            again = self.again is not None and self.again.ended()
            if not again and (self._engine is not None or not self._over()):
                self.armed().command_ended()
        return self._children.reap()

    def _patience(self, *, waits: bool) -> float | None:
        """Return how long nothing has to be done by itself, seconds; None for ever."""
        times = [self._alarms.next, None if self._engine is None else self._engine.kill_at]
        limits = [max(0.0, at - self._clock.now()) for at in times if at is not None]
        if waits:
            # In the shadow of a child that another thread waits for may be orphans.
            limits.append(_LOOK_S)
        return min(limits, default=None)

    def _take(self, heard: kernel.Heard) -> None:
        """Do what a signal means."""
        number = heard.number
        # A word of the kernel or of a thread of our own; from anybody else it is a signal like all others.
        inside = heard.pid == os.getpid() and number in {kernel.CHLD, kernel.PIPE, kernel.XFSZ}
        if inside or (number == kernel.CHLD and heard.by_kernel):
            return
        if number == kernel.IO and heard.by_kernel:
            self._control.answer()
        elif number == kernel.URG and heard.by_kernel and self._unit is not None:
            self._unit.listen()
        elif number == kernel.ALRM and heard.by_kernel and self._engine is not None and self._engine.out_of_time:
            # The last resort of the engine, which is armed for when nothing else works.
            self._command.kill(everything=True)
            os._exit(128 + (self._engine.signum or kernel.KILL))
        else:
            self._act(heard, self._settings.policy.get(number, "forward"))

    def _act(self, heard: kernel.Heard, policy: str) -> None:
        self.heard[heard.number] = self.heard.get(heard.number, 0) + 1
        if policy == "reload" and heard.number == kernel.HUP and heard.by_kernel:
            # The terminal is gone, and with it whoever could have wished for a reload.
            policy = "stop"
        if policy == "ignore" or heard.number in self._ignored:
            return
        if self._jobs.take(heard, self._command, policy):
            return
        if policy == "stop":
            if not self._asked:
                self._jobs.spare(heard, self._command, self._alarms, self._settings.grace, self._ask)
            self._asked = True
            self.armed().hear(heard)
        elif policy == "forward":
            if self._unit is not None and heard.number == kernel.HUP:
                self._unit.reloading()
            self._command.send(heard.number)
        elif policy == "reload":
            self.reload(heard.sender)
        elif policy == "dump":
            load("agent.dump").dump(self)

    def _ask(self) -> None:
        first = self._settings.steps[0].signum
        if first:
            self._command.send(first)

    def complain(self, code: str, text: str) -> None:
        """Tell of what could not be done; from any thread."""
        if self._engine is None:
            load("agent.voice").tell(self._settings, code, text)
        else:
            self._engine.tell(code, text)
