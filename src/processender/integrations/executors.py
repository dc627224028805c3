"""
Thread pools and process pools at the end: their work finished, or given up and named, and never in the way of the
exit.

Takes over: Refusing new work once the handlers before it in `quiesce` have ended, queued work by policy, waiting for
what runs, ending the workers of a process pool that do not come back: TERM, then KILL.

Leaves: A thread cannot be ended. If one does not come back, the handler does not either: it ends `abandoned`, the event
and the report name the thread with its stack, and the process is left at the end of the plan without joining it, which
`concurrent.futures` would do for ever.

Versions: The standard library of Python 3.11 to 3.13; the workers are found by `_threads` and `_processes`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..closing import FINISH_S, LeftBehind, counted, listed, settle, share, standing, step
from ..core.handler import Handler
from ..errors import HandlerError
from ..hints import Any, Literal
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

        queued: What becomes of work that has not begun; what is cancelled is counted.

        wait: For a process pool, the longest wait before its workers are ended, seconds; at most half of what is left.

    The other options are fields of `Handler`. It raises `LeftBehind` when workers of a process pool were ended.
    """
    if queued not in {"finish", "cancel"}:
        raise HandlerError(f"cannot finish an executor: queued={queued!r} is neither finish nor cancel")
    call: Any
    if hasattr(executor, "_threads"):
        call = _Threads(executor, queued == "cancel")
    elif hasattr(executor, "_processes"):
        call = _finishing_processes(executor, queued == "cancel", wait, name)
    else:
        raise HandlerError(f"cannot finish {executor!r}: it is no ThreadPoolExecutor and no ProcessPoolExecutor")
    return step(name, call, "quiesce", timeout, after, needs, priority=PRIORITY)


class _Threads:
    """Finishes a thread pool; as long as a thread runs it does not return, see the module."""

    def __init__(self, executor: Any, cancel: bool) -> None:
        self._executor = executor
        self._cancel = cancel

    def __call__(self, ctx: Context) -> None:
        """Refuse new work and wait for the threads."""
        waiting = self._executor._work_queue.qsize() if self._cancel else 0  # noqa: SLF001 - no other way to it
        self._executor.shutdown(wait=False, cancel_futures=self._cancel)
        if waiting:
            ctx.note(f"cancelled {counted(waiting, 'queued call')}")
        for thread in self._threads():
            thread.join()

    def stack(self) -> str:
        """Return the names and stacks of the threads that run."""
        return standing(self._threads())

    def _threads(self) -> list[threading.Thread]:
        return list(self._executor._threads)  # noqa: SLF001 - no other way to them


def _finishing_processes(executor: Any, cancel: bool, wait: float, name: str) -> Callable[[Any], None]:
    def finish(ctx: Context) -> None:
        # Both are gone after the shutdown.
        workers = list((executor._processes or {}).values())  # noqa: SLF001 - no other way to them
        pending = executor._pending_work_items  # noqa: SLF001 - see above
        executor.shutdown(wait=False, cancel_futures=cancel)
        alive = lambda: sum(worker.is_alive() for worker in workers)  # noqa: E731 - asked again and again
        if not settle(alive, ctx, share(ctx, wait)):
            return
        calls = listed(sorted({_title(item.fn) for item in list(pending.values())}))
        stuck = [worker for worker in workers if worker.is_alive()]
        who = listed(f"{worker.name} (pid {worker.pid})" for worker in stuck)
        for end, limit in (("terminate", _TERM_S), ("kill", _KILL_S)):
            for worker in stuck:
                getattr(worker, end)()
            if not settle(alive, ctx, limit):
                break
        doing = f" in {calls}" if calls else ""
        raise LeftBehind(f"ended {counted(len(stuck), 'worker')} of {name} that did not come back{doing}: {who}")

    return finish


def _title(function: Any) -> str:
    """Return the name of what was submitted."""
    function = getattr(function, "func", function)
    return str(getattr(function, "__qualname__", function))
