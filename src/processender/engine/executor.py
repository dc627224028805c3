"""What carries out the commands of a run: it picks the driver of each handler and knows where each one stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..core.commands import Cancel, Command, Extend, Redirect, Start
from ..core.drain import CALL_NOTHING
from ..core.events import Event, HandlerStuck, LoopBlocked, Trouble
from ..core.handler import Handler
from ..core.limits import cancel_grace
from ..core.outcome import describe
from ..core.reports import Measured, Refused
from ..hints import TYPE_CHECKING, Any
from ..ports import Clock
from .callables import is_async
from .context import Context
from .dependencies import Dependencies
from .jobs import Inbox, Job
from .workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterable


class Executor:
    """Runs handlers on threads and event loops. Used by the control thread alone."""

    def __init__(self, clock: Clock, inbox: Inbox, tell: Callable[[Event], object]) -> None:
        """Report to *inbox*; *tell*, from any thread, what goes wrong beside it."""
        self.workers = Workers(inbox)
        self.app_loop: Any = None
        """The driver of the application's event loop, if there is one."""
        self.own_loop: Any = None
        """The driver of the Ender's own event loop, once it is needed."""
        self.dependencies = Dependencies(clock)
        self.inject: Callable[[Handler], Any] = lambda handler: handler.call
        """Returns what is called of a handler; a rehearsal puts its faults in there."""
        self.cause = ""
        self.run_id = ""
        self._clock = clock
        self._inbox = inbox
        self._tell = tell
        self._jobs: dict[str, Job] = {}
        self._handed_at = 0.0
        self._blocked_said = False

    def prepare(self, handlers: Iterable[Handler]) -> None:
        """Have threads, a loop if need be, and what calls need: nothing is started or loaded at the worst moment."""
        handlers = tuple(handlers)
        if any(handler.name not in CALL_NOTHING for handler in handlers):
            self.dependencies.expect()
        kinds = [is_async(handler.call) for handler in handlers if handler.call is not None]
        # A phase waits for the one before it, so no more than those of one phase run at a time.
        phases = [handler.phase for handler in handlers if handler.call is not None and not is_async(handler.call)]
        self.workers.prepare(max(1, min(8, max(map(phases.count, phases), default=0))))
        anywhere = any(handler.loop == "any" for handler in handlers)
        if any(kinds) and (self.app_loop is None or anywhere) and self.own_loop is None:
            self._make_own_loop()

    def begin(self, run_id: str, cause: str) -> None:
        """Take the id and the cause of the run that is going to start."""
        self.run_id, self.cause = run_id, cause
        self._blocked_said = False

    def carry_out(self, commands: Sequence[Command]) -> list[Event]:
        """Carry out *commands* and return what was seen while doing so; never blocks."""
        events: list[Event] = []
        batches: dict[str, list[Job]] = {}
        for command in commands:
            try:
                self._prepare_one(command, batches, events)
            except Exception as error:  # foreign objects hang on it; the other commands must not suffer
                events.append(self._not_carried_out(command, error))
        for place, jobs in batches.items():
            self._submit(place, jobs)
        return events

    def _not_carried_out(self, command: Command, error: Exception) -> Event:
        """Let the run go on without *command*; not an `internal` trouble, after which the agent would end at once."""
        name = command.handler.name if isinstance(command, Start) else command.handler
        if isinstance(command, Start):
            self._inbox([Refused(name, command.attempt, self._clock.now(), describe(error), command.run)])
        what = type(command).__name__.lower()
        return Trouble(self._clock.now(), "not-carried-out", f"{name!r}: cannot {what} it: {describe(error)}")

    def _prepare_one(self, command: Command, batches: dict[str, list[Job]], events: list[Event]) -> None:
        match command:
            case Start():
                job = self._job(command)
                batches.setdefault(self._place(job), []).append(job)
            case Redirect():
                self._redirect(command, events)
            case Extend():
                self._extend(command)
            case Cancel():
                self._cancel(command, events)

    def _job(self, command: Start) -> Job:
        handler = command.handler
        call = self.inject(handler)
        assert call is not None  # the registry takes no handler without one
        context = Context(
            handler=handler.name,
            cause=self.cause,
            run=self.run_id,
            attempt=command.attempt,
            until=command.until - cancel_grace(command.until - self._clock.now()),
            clock=self._clock,
            dependencies=self.dependencies,
            is_async=is_async(call),
            tell=self._tell,
            measure=lambda size: self._inbox(
                [Measured(handler.name, command.attempt, self._clock.now(), size, command.run)]
            ),
        )
        job = self._jobs[handler.name] = Job(handler, call, context, self._clock, command.run)
        return job

    def _place(self, job: Job) -> str:
        if not job.is_async:
            return "workers"
        if self.app_loop is not None:
            return "app"
        return "own"

    def _submit(self, place: str, jobs: list[Job]) -> None:
        if place == "workers":
            self._handed_at = self._clock.now()
            self.workers.submit(jobs)
            return
        self._handed_at = self._clock.now()
        if place == "app" and self.app_loop.submit(jobs):
            return
        if place == "own":
            if self.own_loop is None:
                self._make_own_loop()
            if self.own_loop.submit(jobs):
                return
        for job in jobs:
            if not self._step_in(job):
                self._inbox([job.refused("loop closed")])

    def _make_own_loop(self) -> None:
        from .loops import own_loop  # noqa: PLC0415 - threaded programs must not pay for asyncio

        self.own_loop = own_loop(self._inbox)

    def _step_in(self, job: Job) -> bool:
        """Run *job* another way than on the application's loop; return whether there is one."""
        handler = job.handler
        if handler.fallback is not None:
            other = Job(handler, handler.fallback, job.context, self._clock, job.run)
            self._jobs[handler.name] = other
            self.workers.submit([other])
            return True
        if handler.loop == "any":
            if self.own_loop is None:
                self._make_own_loop()
            again = Job(handler, job.call, job.context, self._clock, job.run)
            self._jobs[handler.name] = again
            return bool(self.own_loop.submit([again]))
        return False

    def _redirect(self, command: Redirect, events: list[Event]) -> None:
        job = self._jobs[command.handler]
        if job.taken or not job.is_async or self.app_loop is None:
            return
        if not self._blocked_said:
            self._blocked_said = True
            now = self._clock.now()
            events.append(LoopBlocked(now, now - self._handed_at, self.app_loop.stack()))
        handler = job.handler
        # The claim keeps the loop from running it a second time when it wakes up.
        if (handler.fallback is not None or handler.loop == "any") and job.claim():
            self._step_in(job)

    def _extend(self, command: Extend) -> None:
        job = self._jobs.get(command.handler)
        if job is not None and job.attempt == command.attempt:
            job.context.until = command.until

    def _cancel(self, command: Cancel, events: list[Event]) -> None:
        job = self._jobs.get(command.handler)
        if job is None or job.attempt != command.attempt:
            return
        now = self._clock.now()
        if not command.stuck:
            # Who has taken it already reports that it has begun, and is asked to give way then.
            if job.claim():
                self._inbox([job.refused(command.reason)])
            return
        if not command.quiet:
            events.append(HandlerStuck(now, command.handler, command.reason, _stack(job)))
        if job.context.give_way():
            self._call_away(job)
        for driver in (self.app_loop, self.own_loop):
            if job.task is not None and driver is not None and job.task.get_loop() is driver.loop:
                driver.cancel(job)

    def _call_away(self, job: Job) -> None:
        """Call what the handler wants called at its cancellation, where it holds up nobody if it blocks."""

        def call() -> None:
            for error in job.context.cancel():
                text = f"{job.handler.name!r} cannot give way: {describe(error)}"
                self._tell(Trouble(self._clock.now(), "cancel-failed", text))

        try:
            threading.Thread(target=call, name="processender-cancel", daemon=True).start()
        except RuntimeError:
            # The limit of the system: called here, it is at least called.
            call()

    def give_up(self, name: str) -> None:
        """Let another thread take the place of the one that does not come back from the handler *name*."""
        job = self._jobs.get(name)
        if job is not None and not job.is_async:
            self.workers.lost()

    def close(self) -> None:
        """Let the threads and the own loop end."""
        self.workers.close()
        if self.own_loop is not None:
            self.own_loop.tick(self.own_loop.loop.stop)


def _stack(job: Job) -> str:
    """Return where *job* stands, as far as it can be told: it may be a user's object that is asked."""
    try:
        return job.stack() if job.stack is not None else ""
    except Exception as error:  # foreign code on the control thread; the run goes on
        return f"  no stack: {describe(error)}"
