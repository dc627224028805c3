"""One life of an Ender, wired: from the moment it hears signals to the moment it has given them back."""

from __future__ import annotations

import _signal
import atexit
import os
import sys
import threading
from _weakref import ref
from collections.abc import Callable, Sequence

from .core.drain import BODY
from .core.escalation import Escalation
from .core.handler import Handler
from .core.notice import Notice
from .core.outcome import Verdict
from .demand import load
from .engine.clock import new_id
from .engine.coordinator import Coordinator
from .engine.hearing import NoSignals
from .engine.leaving import FLUSH_S, ended_async, leave_now
from .engine.observers import Outlets
from .engine.registry import FEW, Registry
from .errors import StateError
from .hints import Any
from .ports import Body, Clock, Observer
from .settings import Settings, numbers
from .taking import Taking
from .telemetry.facts import Facts
from .telemetry.report import ReportWriter
from .telemetry.stacks import stacks_path
from .telemetry.state import HISTORY
from .telling import tell_all

FORCED = 70
"""The exit code of a forced end that no signal began (EX_SOFTWARE of sysexits.h)."""


class Session:
    """The parts of an armed Ender and the order in which they are taken up and given back."""

    def __init__(self, settings: Settings, registry: Registry, clock: Clock, stopping: threading.Event) -> None:
        """Wire the parts; nothing is taken before `arm`."""
        self._settings = settings
        self._registry = registry
        self._clock = clock
        self._stopping = stopping
        run_id = new_id(clock.wall())
        self._outlets = Outlets(clock)
        self.emit = self._outlets.emit
        escalation = Escalation(numbers(settings.escalate))
        self.coordinator = Coordinator(registry, clock, self._outlets, escalation, settings.grace, run_id)
        self.coordinator.begun = stopping
        self._signals: Any = NoSignals()
        if settings.signals or settings.exit != "return":
            source, wake = load("integrations.signals").SignalSource, self.coordinator.mailbox.wake_fd
            how = {"displaced": settings.displaced, "theft": settings.theft}
            self._signals = source(numbers(settings.signals), wake, clock, **how)
        self.taking = Taking(self._signals, self._outlets.emit)
        self.report = ReportWriter(Facts(settings.name, settings.version, run_id), clock)
        self.report.facts.exit, self.report.facts.beginning = self.exit_code, lambda: self.coordinator.beginning
        self.returns: Callable[[Verdict | None], int | None] = lambda _verdict: None
        """Tells the exit code where its owner decides."""
        self.tidy: Callable[[], object] = lambda: None
        """Is called before the process is left by force: removes what nobody needs any more."""
        self.entered = False
        """Whether the process has come to its body."""
        self._body: Body | None = None
        self._joined: Any = None
        self._beforehand: Any = None
        self.untold: list[str] = []
        """Why the agent around this process could not be joined."""
        self.closed = False

    # Taking up.

    def arm(self, in_child: Any) -> None:
        """Check the order and take everything up; call *in_child*, a method, after every fork, in the child."""
        self._registry.arm()
        self.coordinator.executor.prepare(self._registry.handlers())
        self._observe()
        if faults := os.environ.get("PROCESSENDER_FAULTS"):
            load("faults.handlers").inject(self.coordinator, self.watch, faults, self._settings.name)
        self._foresee()
        self.coordinator.force = self._force
        self.coordinator.leave = self._at_end
        self.coordinator.start()
        self.coordinator.signals = None if isinstance(self._signals, NoSignals) else self._signals
        if self._joined is not None:
            self._joined.listen(self.coordinator.notify, lambda text: self.coordinator.trouble("no-agent", text))
        for text in self.untold:
            self.coordinator.trouble("no-agent", text)
        self.taking.start()
        # The hook cannot be taken back; it must not keep an Ender alive that is no longer used.
        owner, call = ref(in_child.__self__), in_child.__func__
        os.register_at_fork(after_in_child=lambda: None if (alive := owner()) is None else call(alive))
        atexit.register(self._at_exit)

    def _observe(self) -> None:
        trouble = self.coordinator.trouble
        place = tell_all(self._settings, self._outlets, self.report, trouble)
        self._history = place and os.path.join(place, HISTORY)
        # Before a command nothing is loaded that can wait; a program may be over in a moment, and is to learn too.
        if place and self._settings.exit != "return":
            self.coordinator.kept = self.report.learn(load("telemetry.planned"))
        if self._settings.dump:
            dump = load("dumping").dump_of(self._settings, self._registry, self.coordinator)
            self._outlets.add(self.taking.dumps(dump))
        why_not = self.coordinator.watchdog.prepare(stacks_path(place) if place else os.devnull)
        if why_not:
            trouble("no-stacks", why_not)

    def join_agent(self, joined: Any) -> None:
        """Let the agent that was *joined* decide the deadline, and have the report."""
        self._joined, self.report.send = joined, joined.send
        self._outlets.add(load("live.course").Follower(joined.follow))

    def watch(self, observer: Observer) -> None:
        """Let *observer* be told of every event, each before its effect."""
        self._outlets.add(observer, before_effect=True)

    @property
    def is_joined(self) -> bool:
        """Whether an agent around this process was joined."""
        return self._joined is not None

    def use_current_loop(self) -> None:
        """Run async handlers on the application's loop, which runs on this thread."""
        from .engine.loops import LoopDriver  # noqa: PLC0415 - threaded programs must not pay for asyncio

        self.coordinator.executor.app_loop = LoopDriver.current(self.coordinator.report)

    def keep_signals(self) -> None:
        """Take the signals again from a loop that has just been started; to be called when a server is up."""
        self._signals.keep()

    def join(self, body: Body) -> bool:
        """Let the end wait for *body* to leave; return False if the end has begun without it."""
        try:
            self.add(Handler(BODY, body, phase=self._registry.work_phase))
        except StateError:
            return False
        self.entered, self._body = True, body
        return True

    # While it is armed.

    def add(self, handler: Handler) -> None:
        """Add *handler* to the plan, also while a run is on; raise `StateError` if that is too late for its phase."""
        coordinator = self.coordinator
        # The run cannot come to its end between the question and the answer, so no handler is lost.
        with coordinator.changing:
            if coordinator.over:
                raise StateError(f"cannot add {handler.name!r}: the run is over")
            if coordinator.run is not None and not coordinator.withdrawing and coordinator.run.begun(handler.phase):
                text = f"the phase {handler.phase!r} has begun; choose a later one"
                raise StateError(f"cannot add {handler.name!r}: {text}")
            self._registry.add(handler)
            coordinator.replan()
        self._prepare(handler)

    def remove(self, name: str) -> Handler:
        """Take a handler out of the plan."""
        with self.coordinator.changing:
            removed = self._registry.remove(name)
            self.coordinator.replan()
        self._prepare()
        return removed

    def exchange(self, gone: Sequence[str], handlers: Sequence[Handler], settings: Settings) -> None:
        """Replace the handlers *gone* by *handlers*, and the grace by that of *settings*."""
        with self.coordinator.changing:
            if self.coordinator.run is not None:
                text = "the end, or a drain, is under way; wait for it, or resume"
                raise StateError(f"cannot change the handlers: {text}")
            self._registry.exchange(gone, handlers)
            self._settings, self.coordinator.grace = settings, settings.grace
        self._prepare(*handlers)

    def _prepare(self, *added: Handler) -> None:
        self._signals.rearm()
        self.coordinator.executor.prepare(added)
        if not self._stopping.is_set():
            self._foresee()

    def _foresee(self) -> None:
        """Plan for the grace now, and in the background for others; an agent with nothing but a command stays small."""
        self._registry.prepare(self._registry.window(self._settings.grace))
        agent, few = self._settings.exit == "return", len(self._registry.handlers()) <= FEW
        if not (agent and few) and (agent or self._registry.may_learn or os.path.exists(self._history)):
            if self._beforehand is None:
                self._beforehand = load("engine.beforehand").Beforehand(self._registry, self._learn, self._stopping)
            self._beforehand.changed(self._settings.grace)

    def _learn(self) -> None:
        """Load what knows of earlier runs, in the background, and take what it knows."""
        load("lookback").look_back(self._history, self._settings.version, self._registry, self.coordinator, self.report)

    def leave(self, cause: str) -> None:
        """Begin the run because the body has left, if nothing else has begun it, or what has is taken back."""
        self.coordinator.notify(Notice(cause, BODY, self._clock.now()))

    async def ended_async(self) -> BaseException | None:
        """Wait until the run is over, whatever cancels the waiting; return the cancellation that came meanwhile."""
        return await ended_async(self.coordinator.when_ended)

    # The end.

    @property
    def signum(self) -> int:
        """The signal that has begun the end; 0 if none has."""
        return 0 if (beginning := self.coordinator.beginning) is None else beginning.signum

    @property
    def _barred(self) -> bool:
        """Whether the process cannot go the ordinary way: a handler, or the body, has not come back."""
        return self.coordinator.abandoned or (self._body is not None and not self._body.gone)

    @property
    def _lent(self) -> bool:
        """Whether somebody else may still write a signal's number to our pipe."""
        return bool(self._signals.lent)

    def exit_code(self) -> int | None:
        """Return the exit code that a signal asks for, None if no signal began the run."""
        if self._settings.exit == "return":
            return self.returns(self.coordinator.verdict)
        if self._barred:
            return 128 + self.signum if self.signum else FORCED
        if not self.signum or (self.taking.hosted and self._settings.exit == "zero"):
            # A server that is asked by its own handlers ends as it does without us: uvicorn by the signal itself.
            return None
        return 0 if self._settings.exit == "zero" else 128 + self.signum

    def _at_end(self) -> None:
        """Decide, on the control thread, whether the process may go the ordinary way."""
        self._signals.pass_on()
        if self._settings.exit == "return":
            return
        if self._barred or (self.signum and not self.entered):
            window = self.coordinator.window
            assert window is not None  # a run is over
            self.tidy()
            self.coordinator.watchdog.tidy()
            left = window.dump_at - window.margin / 2 - self._clock.now()
            leave_now(self.exit_code() or 0, max(0.0, min(FLUSH_S, left)))

    def _force(self, signum: int) -> None:
        """End the process at once: the third interrupt, or a bug of ours."""
        self.coordinator.watchdog.dump_now()
        self._outlets.flush(self._clock.now() + 0.1)
        leave_now(128 + signum if signum else FORCED, 0.1)

    def close(self) -> None:
        """Give everything back. The last resorts stay armed when a signal asked the process to be gone."""
        if self.closed:
            return
        self.closed = True
        # The signal by which the agent asks as well may still come, and the end is over.
        self.taking.stop(deaf=any(each.ends and each.origin == "agent" for each in self.coordinator.notices))
        atexit.unregister(self._at_exit)
        if not self.signum:
            self.coordinator.watchdog.disarm()
            self.coordinator.watchdog.close()
        else:  # behind the threads that the interpreter joins: one that is stuck is what the file is for
            atexit.register(self.coordinator.watchdog.tidy)
        # Its number may not belong to another file while somebody may still write a signal's number to it.
        self.coordinator.close(keep_pipe=self._lent)
        if self._joined is not None:
            self._joined.close()

    def exit_policy(self) -> None:
        """Let the process go as its owner wants after a run that a signal began."""
        if self.signum and self._settings.exit == "signal":
            sys.exit(128 + self.signum)
        if self.signum and self._settings.exit == "reraise":
            self.coordinator.watchdog.tidy()
            _signal.signal(self.signum, _signal.SIG_DFL)
            _signal.raise_signal(self.signum)

    def _at_exit(self) -> None:
        """Run the plan at the end of a program that installed the Ender and never entered it."""
        if not self.entered:
            self.leave("exit")
            self.coordinator.await_end()
            self.close()

    def disarm_in_child(self) -> None:
        """Give the signals back and close the pipe; threads and timers were not inherited."""
        self.closed = True
        self.taking.stop()
        atexit.unregister(self._at_exit)
        self.coordinator.watchdog.let_go()
        if self._joined is not None:
            self._joined.close()
        self.coordinator.executor.workers.after_fork()
        if not self._lent:
            self.coordinator.mailbox.close_in_child()
