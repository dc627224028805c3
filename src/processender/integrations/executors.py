"""
Thread pools and process pools at the end: their work finished, or given up and named, and never in the way of what
follows, or of the exit.

Takes over: Refusing new work once the handlers before it in `quiesce` have ended, waiting for what runs and what is
queued, by policy and never for more than half of the time that is left; cancelling what has not begun then; ending the
workers of a process pool that do not come back: TERM, then KILL.

Leaves: A thread cannot be ended. If one does not come back, the handler counts as `abandoned`, the event and the report
name the thread with its stack, the rest of the plan runs, and the process is left at the end of the plan without
joining it, which `concurrent.futures` would do for ever.

Versions: The standard library of Python 3.11 to 3.13; the workers are found by `_threads` and `_processes`.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

from ..closing import FINISH_S, LeftBehind, finish, idle, standing, step
from ..core.handler import Handler
from ..core.texts import counted, listed
from ..errors import HandlerError, StillRunning
from ..hints import Any, Literal
from ..patience import check_wait
from ..ports import Context

PRIORITY = -20
"""After what may still hand work to the pool."""
_TERM_S = 1.0
_KILL_S = 1.0


def finish_executor(
    executor: Any,
    *,
    queued: Literal["finish", "cancel"] = "finish",
    wait: float = FINISH_S,
    name: str = "executor",
    timeout: float | None = FINISH_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `quiesce` and behind the work in flight there, that finishes *executor*.

    Args:

        executor: A `ThreadPoolExecutor` or a `ProcessPoolExecutor`.

        queued: What becomes of work that has not begun: `finish` as much of it as there is time for, or `cancel` it at
            once; what is cancelled is counted.

        wait: The longest wait for work, seconds; never more than half of what is left.

    The other options are fields of `Handler`. It raises `LeftBehind` when work that was to be finished was cancelled,
    or workers of a process pool were ended, and `StillRunning` when threads do not come back.
    """
    check_wait("wait", wait, FINISH_S, timeout)
    if queued not in {"finish", "cancel"}:
        raise HandlerError(f"cannot finish an executor: queued={queued!r} is neither finish nor cancel")
    call: Any
    if hasattr(executor, "_threads"):
        call = _finishing_threads(executor, queued == "cancel", wait, name)
    elif hasattr(executor, "_processes"):
        call = _finishing_processes(executor, queued == "cancel", wait, name)
    else:
        raise HandlerError(f"cannot finish {executor!r}: it is no ThreadPoolExecutor and no ProcessPoolExecutor")
    return step(name, call, "quiesce", timeout, after, needs, priority=PRIORITY)


def _finishing_threads(executor: Any, cancel: bool, wait: float, name: str) -> Callable[[Any], None]:
    def run(ctx: Context) -> None:
        threads = list(executor._threads)  # noqa: SLF001 - no other way to them
        executor.shutdown(wait=False)
        late = 0

        def alive() -> int:
            return sum(thread.is_alive() for thread in threads)

        def give_up() -> None:
            nonlocal late
            late = _cancel_queued(executor)

        if cancel and (waiting := _cancel_queued(executor)):
            ctx.note(f"cancelled {counted(waiting, 'queued call')}")
        if not finish(ctx, wait, alive, give_up):
            stuck = listed(thread.name for thread in threads if thread.is_alive())
            more = f"; {_too_many(late, name)}" if late else ""
            raise StillRunning(f"left {counted(alive(), 'thread')} of {name} running: {stuck}{more}", standing(threads))
        if late:
            raise LeftBehind(_too_many(late, name))

    return run


def _cancel_queued(executor: Any) -> int:
    """Cancel what no thread has begun, as its `shutdown` would, and return how much that was."""
    queued, count = executor._work_queue, 0  # noqa: SLF001 - no other way to count
    while True:
        try:
            item = queued.get_nowait()
        except queue.Empty:
            break
        count += item is not None and item.future.cancel()
    # By this the threads learn that nothing more comes.
    queued.put(None)
    return count


def _too_many(count: int, name: str) -> str:
    they = "it was" if count == 1 else "they were"
    return f"there was no time for {counted(count, 'queued call')} of {name}, and {they} cancelled"


def _finishing_processes(executor: Any, cancel: bool, wait: float, name: str) -> Callable[[Any], None]:
    def run(ctx: Context) -> None:
        # Both are gone after the shutdown.
        workers = list((executor._processes or {}).values())  # noqa: SLF001 - no other way to them
        pending = executor._pending_work_items  # noqa: SLF001 - see above
        executor.shutdown(wait=False, cancel_futures=cancel)
        alive = lambda: sum(worker.is_alive() for worker in workers)  # noqa: E731 - asked again and again
        # What it calls for comes about when the next call of a worker has ended.
        ended = finish(ctx, wait, alive, lambda: executor.shutdown(wait=False, cancel_futures=True))
        items = list(pending.values())
        cancelled = sum(item.future.cancelled() for item in items)
        if cancelled and cancel:
            ctx.note(f"cancelled {counted(cancelled, 'queued call')}")
        troubles = [_too_many(cancelled, name)] if cancelled and not cancel else []
        if not ended:
            calls = listed(sorted({_title(item.fn) for item in items if item.future.running()}))
            troubles.insert(0, _end_workers(ctx, [worker for worker in workers if worker.is_alive()], name, calls))
        if troubles:
            raise LeftBehind("; ".join(troubles))

    return run


def _end_workers(ctx: Context, stuck: Sequence[Any], name: str, calls: str) -> str:
    """End the *stuck* workers, which are in *calls*; return the words for that."""
    who = listed(f"{worker.name} (pid {worker.pid})" for worker in stuck)
    for end, limit in (("terminate", _TERM_S), ("kill", _KILL_S)):
        for worker in stuck:
            getattr(worker, end)()
        if not idle(lambda: sum(worker.is_alive() for worker in stuck), ctx, limit):
            break
    doing = f" in {calls}" if calls else ""
    return f"ended {counted(len(stuck), 'worker')} of {name} that did not come back{doing}: {who}"


def _title(function: Any) -> str:
    """Return the name of what was submitted."""
    function = getattr(function, "func", function)
    return str(getattr(function, "__qualname__", function))


__all__ = ["finish_executor"]
