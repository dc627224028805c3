"""
The asyncio driver: async handlers as tasks on one event loop, handed over and reported in batches.

One hop to the loop and one back serve all handlers that become ready, or end, in the same turn of the loop. Deadlines
are not kept here: the run keeps them, and asks for a cancellation.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from ..core.reports import Report
from ..hints import Any
from .jobs import Inbox, Job
from .stacks import await_chain, thread_stack


class LoopDriver:
    """The way to one event loop, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, inbox: Inbox, thread: int) -> None:
        """Take the *loop* and the identifier of the *thread* that it runs on."""
        self.loop = loop
        self._inbox = inbox
        self._thread = thread
        self._wakes = False
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def current(cls, inbox: Inbox) -> LoopDriver:
        """Return the way to the loop that runs on this thread."""
        return cls(asyncio.get_running_loop(), inbox, threading.get_ident())

    def submit(self, jobs: list[Job]) -> bool:
        """Hand *jobs* over; return False if the loop takes nothing any more."""
        return self._post(lambda: self._begin(jobs))

    def cancel(self, job: Job) -> None:
        """Cancel the task of *job*; a closed loop has ended it already."""
        if job.task is not None:
            self._post(job.task.cancel)

    def tick(self, answer: Callable[[], object]) -> bool:
        """Let the loop call *answer* in its next turn; return False if the loop takes nothing any more."""
        return self._post(answer)

    def stack(self) -> str:
        """Return where the loop's thread stands."""
        return thread_stack(self._thread)

    def _stack_of(self, job: Job) -> str:
        coroutine: Any = job.task.get_coro()
        # One that is running awaits nothing: it is what blocks the loop.
        return self.stack() if coroutine.cr_running else await_chain(coroutine)

    def _post(self, function: Callable[[], object]) -> bool:
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:
            return False
        return True

    def _begin(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.task = task = self.loop.create_task(self._drive(job), name=f"processender-{job.handler.name}")
            # The loop holds tasks weakly; without this set one could vanish in mid-flight.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drive(self, job: Job) -> None:
        # Not before its first step: another task may block the loop, and meanwhile it can be called back.
        if not job.claim():
            return
        if job.stack is None:
            job.stack = lambda: self._stack_of(job)
        self._tell(job.began())
        try:
            await job.invoke()
        except BaseException as error:
            self._tell(job.raised(error))
            if isinstance(error, GeneratorExit):
                raise
        else:
            self._tell(job.returned())

    def _tell(self, report: Report) -> None:
        # Left there at once, for a handler may block the loop in its first step; but one wake-up serves a whole turn.
        self._inbox([report], wake=False)
        if self.loop.is_closed():
            self._wake()
        elif not self._wakes:
            self._wakes = True
            self.loop.call_soon(self._wake)

    def _wake(self) -> None:
        self._wakes = False
        self._inbox([])


def own_loop(inbox: Inbox) -> LoopDriver:
    """Start an event loop on a daemon thread of the Ender's own."""
    loop = asyncio.new_event_loop()
    started = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.call_soon(started.set)
        loop.run_forever()
        loop.close()

    thread = threading.Thread(target=serve, name="processender-loop", daemon=True)
    thread.start()
    started.wait()
    assert thread.ident is not None  # it was started
    return LoopDriver(loop, inbox, thread.ident)
