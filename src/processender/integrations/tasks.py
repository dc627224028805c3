"""
Background tasks of asyncio at the end: waited for, then cancelled, and awaited to their end before what they use
closes.

Takes over: The tasks of a collection that the application keeps, those begun during the end included: it is read again
until all have ended. Each is cancelled once: a second time would hit its own clean-up.

Leaves: A task that swallows its cancellation cannot be ended. It is waited for, for at most half of the time that is
left; then the handler counts as `abandoned`, the event and the report name the task and what it awaits, the rest of the
plan runs, and the process is left at its end, where `asyncio.run` would wait for the task for ever.

Versions: The standard library of Python 3.11 and later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from ..closing import FINISH_S, share, step
from ..core.handler import Handler
from ..core.outcome import describe
from ..core.texts import counted, listed
from ..errors import StillRunning
from ..hints import Any
from ..patience import check_wait
from ..ports import Context

PRIORITY = -10
"""After the work in flight, which may still begin tasks; before the executors, which tasks may use."""


def finish_tasks(
    tasks: Collection[Any] | Callable[[], Iterable[Any]],
    *,
    wait: float = 0.0,
    name: str = "tasks",
    timeout: float | None = FINISH_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `quiesce` and behind the work in flight there, that ends *tasks* and awaits them.

    Args:

        tasks: The live collection in which the application keeps its tasks, or a function that returns them.

        wait: How long they may take to end by themselves before they are cancelled, seconds; never more than half of
            the time that is left.

    The other options are fields of `Handler`.
    """
    check_wait("wait", wait, 0.0, timeout)
    listing: Callable[[], Iterable[Any]] = tasks if callable(tasks) else lambda: list(tasks)
    return step(name, _Tasks(listing, wait), "quiesce", timeout, after, needs, priority=PRIORITY)


class _Tasks:
    """Ends tasks, or names those that cannot be ended."""

    def __init__(self, listing: Callable[[], Iterable[Any]], wait: float) -> None:
        self._listing = listing
        self._wait = wait

    async def __call__(self, ctx: Context) -> None:
        """Wait for the tasks, cancel those that are left, and wait for their end."""
        import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

        floor = ctx.remaining() - share(ctx, self._wait)
        while (running := self._running()) and (spare := ctx.remaining() - floor) > 0:
            await asyncio.wait(running, timeout=spare, return_when=asyncio.FIRST_COMPLETED)
        cancelled: set[Any] = set()
        floor = ctx.remaining() - share(ctx, ctx.remaining())
        while running := self._running():
            for task in set(running) - cancelled:
                task.cancel()
                cancelled.add(task)
            if (spare := ctx.remaining() - floor) <= 0:
                raise StillRunning(f"left {counted(len(running), 'task')} running: {_titles(running)}", self.stack())
            await self._wait_deaf(running, spare)
        self._account(ctx, cancelled)

    async def _wait_deaf(self, running: list[Any], limit: float) -> None:
        """Wait until one has ended; what runs on must not pass for ended because the time is up."""
        import asyncio  # noqa: PLC0415 - see above

        try:
            await asyncio.wait(running, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            return

    def _account(self, ctx: Context, cancelled: Iterable[Any]) -> None:
        if cancelled:
            ctx.note(f"cancelled {counted(len(list(cancelled)), 'task')}: {_titles(cancelled)}")
        for task in cancelled:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                ctx.note(f"{_title(task)} ended with {describe(error)}")

    def stack(self) -> str:
        """Return the names of the tasks that run, each with where it stands."""
        return "\n".join(f"{_title(task)}:\n{_where(task)}" for task in self._running())

    def _running(self) -> list[Any]:
        return [task for task in self._listing() if not task.done()]


def _titles(tasks: Iterable[Any]) -> str:
    return listed(_title(task) for task in tasks)


def _title(task: Any) -> str:
    coroutine = task.get_coro()
    return f"{task.get_name()} ({getattr(coroutine, '__qualname__', coroutine)})"


def _where(task: Any) -> str:
    """Return the stack of *task*; each coroutine that another awaits has a line of its own."""
    lines: list[str] = []
    coroutine = task.get_coro()
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        code = frame.f_code
        lines.append(f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_qualname}')
        coroutine = coroutine.cr_await
    return "\n".join(lines)


__all__ = ["finish_tasks"]
