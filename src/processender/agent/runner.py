"""
The agent from its first signal to its exit code: it starts the command, and sees everything to its end.

Theory of operation. The main thread starts the command, waits for it, reaps orphans, and is the guard: when the run
has had its time, it kills what is left, whatever the engine's threads do. Everything else happens on those threads, as
in a program that uses the library. The process leaves by `os._exit`, so no thread can hold it.
"""

from __future__ import annotations

import gc
import os
import select
import signal
from collections.abc import Sequence

from ..core.events import Trouble
from ..core.notice import Notice
from ..core.outcome import Verdict
from ..core.record import Record
from ..demand import load
from ..ender import Ender
from ..engine.clock import SystemClock
from ..hints import Any, NoReturn
from .builtin import COMMAND, DRAIN_DELAY, READINESS
from .children import Children
from .control import VARIABLE, Control
from .drain import drain_delay, fail_readiness
from .durations import format_duration
from .early import EarlyEars
from .health import Health
from .lines import Lines
from .settings import Settings
from .supervisor import Supervisor
from .watch import RunWatch
from .wiring import Calls, build_ender, command_budget

UNCLEAN = 70
"""The exit code of `--strict` for a clean exit after an unclean shutdown (EX_SOFTWARE of sysexits.h)."""
_LOOK_S = 0.02
_TICK_S = 1.0
_SWEEPS = 10
_ENDED_S = 5.0


class Ending(Record):
    """How the agent is to go."""

    code: int
    """The exit code."""
    signum: int = 0
    """The signal of which the command died, 0 if it did not."""


class Agent:
    """One command, its Ender, and the main thread that watches both."""

    def __init__(self, argv: Sequence[str], settings: Settings, children: Children, ears: EarlyEars) -> None:
        """
        Take everything up except the command; raise `ProbeError` when the probe face cannot listen.

        Args:

            argv: The command.

            settings: What was decided.

            children: Who knows the agent's children.

            ears: What has heard signals so far.
        """
        self._settings = settings
        self._children = children
        self._ears = ears
        self._clock = SystemClock()
        self._bell_out, self._bell_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._health = Health()
        self._supervisor = Supervisor(argv, children, settings.stop_signal)
        self._watch = RunWatch(self._ring, self._supervisor.hurry, lambda: self._supervisor.kill(everything=True))
        self._probes: Any = None
        if settings.probe_listen:
            self._probes = load("agent.probes").ProbeServer(settings.probe_listen, self._health, self._clock)
        calls: Calls = {
            READINESS: fail_readiness(self._health),
            DRAIN_DELAY: drain_delay(settings.drain_delay, self._supervisor.when_gone),
            COMMAND: self._supervisor.stop,
        }
        name = settings.service or os.path.basename(argv[0]) or "command"
        self._lines = lines = Lines(as_json=settings.json_lines, talkative=bool(settings.handlers))
        self.ender: Ender = build_ender(settings, name, calls, (lines, self._watch))
        self._name = name
        self._tracker: Any = None
        self._control = Control(self._make_tracker)

    def run(self) -> Ending:
        """Start the command, see everything to its end, and return how to go; raise `CommandNotStarted`."""
        try:
            self._begin()
            self._stand_guard()
            self._sweep(everything=self._watch.verdict is None)
        except BaseException:
            # A bug here must not leave a command that nobody watches.
            self._supervisor.kill(everything=True)
            raise
        finally:
            self._control.close()
        if self._tracker is not None:
            self._tracker.tidy()
        self._after_crash()
        return self._ending(self._watch.verdict)

    def _after_crash(self) -> None:
        """Account for a crash of the command, and release what its dead have left."""
        status, notice = self._supervisor.status, self._watch.notice
        asked = notice is not None and notice.origin != "api"
        # Who was asked to end may leave with any code, and die of what the agent itself has sent.
        if not status or (asked and (status > 0 or -status in self._supervisor.sent)):
            return
        argv = self._supervisor.argv
        facts = {"status": status, "pid": self._supervisor.pid, "program": argv[0], "core": self._supervisor.core}
        try:
            crash = load("agent.crash").Crash(self._name, os.environ, self._settings, self._lines.observe)
            crash.handle(facts, self._watch.last)
        except Exception as error:  # the exit code of the command matters more
            text = f"cannot do all that follows a crash: {error}; run `processender recover`"
            self._lines.observe(Trouble(self._clock.now(), "crash", text))

    def _make_tracker(self) -> Any:
        def complain(text: str) -> None:
            self.ender.tell(Trouble(self._clock.now(), "journal", text))

        tracking = load("agent.tracking")
        self._tracker = tracking.tracker_of_agent(self._name, os.environ, self.ender.add, complain)
        return self._tracker

    def _begin(self) -> None:
        signal.signal(signal.SIGCHLD, lambda _signum, _frame: self._ring())
        trouble = self._children.adopt_orphans()
        self.ender.install()
        self.ender.returns(lambda verdict: self._ending(verdict).code)
        if trouble:
            self.ender.tell(Trouble(self._clock.now(), "no-subreaper", trouble))
        for signum in self._ears.heard:
            name = signal.Signals(signum).name
            self.ender.notify(Notice(name, "signals", self._clock.now(), signum=signum))
        for misfit in self.ender.plan().misfits:
            self.ender.tell(Trouble(self._clock.now(), "does-not-fit", f"{misfit.reason}; see `processender plan`"))
        if self._probes is not None:
            self._probes.start()
        self._control.open()
        if not self._ears.heard:
            self._supervisor.more = {VARIABLE: self._control.path}
            self._supervisor.start(format_duration(command_budget(self.ender)))
        self._health.running = self._supervisor.running
        # Everything is loaded; what is there now is not looked through again.
        gc.freeze()
        gc.enable()

    def _stand_guard(self) -> None:
        """Watch the command, the orphans and the clock until the run is over or its time is."""
        asked = False
        while self._watch.verdict is None:
            if self._supervisor.watch():
                self._health.running = False
                if not asked and not self.ender.stopping.is_set():
                    asked = True
                    self.ender.stop("exit")
            waits = self._children.reap()
            until = self._watch.kill_at
            if until is not None and self._clock.now() >= until:
                return
            self._sleep(until, waits)
        self.ender.ending().wait(_ENDED_S)

    def _sweep(self, *, everything: bool) -> None:
        """Kill what is left, for a moment; what the kernel does not let go of even then is left to it."""
        for number in range(_SWEEPS):
            # What came from handlers is not looked for a second time.
            looked = number or not everything
            if looked and not self._supervisor.running and self._supervisor.all_gone():
                return
            self._supervisor.kill(everything=everything)
            self._sleep(None, waits=True)
            self._supervisor.watch()

    def _sleep(self, until: float | None, waits: bool) -> None:
        """
        Wait for the bell, for the end of the command, for the instant *until*, or until it is time to look around.

        SIGCHLD rings the bell, and that cannot be relied upon: the kernel may hand it to another thread, and it may
        come right before the call that waits. The command has a descriptor of its own, and orphans can wait a second;
        when another thread *waits* for a child of ours, in whose shadow orphans may be, a moment.
        """
        poll = select.poll()
        poll.register(self._bell_out, select.POLLIN)
        handle = self._supervisor.handle
        if handle >= 0:
            poll.register(handle, select.POLLIN)
        calls = self._control.handle
        if calls >= 0:
            poll.register(calls, select.POLLIN)
        limit = _LOOK_S if waits or (handle < 0 and self._supervisor.running) else _TICK_S
        if until is not None:
            limit = min(limit, max(0.0, until - self._clock.now()))
        ready = poll.poll(limit * 1000 + 1)
        if any(descriptor == calls for descriptor, _ in ready):
            self._control.answer()
        try:
            os.read(self._bell_out, 4096)
        except BlockingIOError:
            return

    def _ring(self) -> None:
        try:
            os.write(self._bell_in, b"!")
        except BlockingIOError:
            return

    def _ending(self, verdict: Verdict | None) -> Ending:
        status = self._supervisor.status
        if status is None:
            # It was never started, or not even KILL has ended it.
            heard = self._watch.notice.signum if self._watch.notice is not None else 0
            return Ending(128 + (heard or signal.SIGKILL))
        if status < 0:
            return Ending(128 - status, -status)
        unclean = self._settings.strict and not status and verdict is not Verdict.CLEAN
        return Ending(UNCLEAN if unclean else status)


def leave(ending: Ending, *, reraise: bool) -> NoReturn:
    """End this process as *ending* says, without waiting for any thread."""
    if reraise and ending.signum:
        _die_of(ending.signum)
    # PID 1 does not die of its own signals, and no process of some: then the code must say it.
    os._exit(ending.code)


def _die_of(signum: int) -> None:
    import resource  # noqa: PLC0415 - only this way out needs it

    # The core of the command is of use, that of the agent is not.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if signum not in {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
