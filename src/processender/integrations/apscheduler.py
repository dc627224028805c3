"""
Schedulers of APScheduler 3 at the end: no job begins any more, those that run are finished, and the scheduler shut
down.

Takes over: Pausing (which `resume` undoes), waiting for running jobs, naming those that did not end, shutting down.

Leaves: A job in a thread cannot be ended. If one does not come back, the handler counts as `abandoned`, the report
names the job with the stacks of the scheduler's threads, the rest of the plan runs, and the process is left at the end
of the plan without joining them. Jobs of an `AsyncIOScheduler` that are coroutines are cancelled instead.

Versions: APScheduler 3.10 and 3.11; running jobs are told by `_instances` of its executors.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ..closing import FINISH_S, MOMENT_S, LeftBehind, idle, share, standing, step
from ..core.handler import Handler
from ..core.texts import counted, listed
from ..errors import StillRunning
from ..hints import Any
from ..patience import check_wait
from ..ports import Context, check_kind

_STOPPED = 0
"""`apscheduler.schedulers.base.STATE_STOPPED`."""


def stop_scheduling(
    scheduler: Any,
    *,
    name: str = "apscheduler-pause",
    timeout: float | None = FINISH_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """Return the handler, of the phase `drain`, after which no job begins, until the drain is taken back."""
    check_kind(scheduler, ("pause", "state"), "a scheduler of APScheduler 3", "stop_scheduling(scheduler)")

    def pause() -> None:
        if scheduler.state != _STOPPED:
            scheduler.pause()

    def resume() -> None:
        if scheduler.state != _STOPPED:
            scheduler.resume()

    return step(name, pause, "drain", timeout, after, needs, resume=resume)


def finish_jobs(
    scheduler: Any,
    *,
    wait: float = FINISH_S,
    name: str = "apscheduler-jobs",
    timeout: float | None = FINISH_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `quiesce`, that lets no job begin, waits for those that run, and shuts down.

    Args:

        scheduler: A scheduler of APScheduler 3.

        wait: The longest wait for running jobs, seconds, after which coroutines are cancelled; at most half of what is
            left.

    The other options are fields of `Handler`. It raises `LeftBehind` when jobs were cancelled, and
    `StillRunning` when their threads do not come back.
    """
    check_kind(scheduler, ("pause", "state"), "a scheduler of APScheduler 3", "finish_jobs(scheduler)")
    check_wait("wait", wait, FINISH_S, timeout)
    return step(name, _Jobs(scheduler, wait), "quiesce", timeout, after, needs)


class _Jobs:
    """Finishes the jobs, or names those that do not come back."""

    def __init__(self, scheduler: Any, wait: float) -> None:
        self._scheduler = scheduler
        self._wait = wait
        self._executors: list[Any] = []

    def __call__(self, ctx: Context) -> None:
        """Let no job begin, wait for those that run, and shut down."""
        scheduler = self._scheduler
        if scheduler.state == _STOPPED:
            return
        scheduler.pause()
        # The shutdown forgets them.
        self._executors = list(scheduler._executors.values())  # noqa: SLF001 - no other way to them
        idle(lambda: len(self._running()), ctx, share(ctx, self._wait))
        cut = self._running()
        scheduler.shutdown(wait=False)
        idle(self._left, ctx, share(ctx, MOMENT_S if cut else self._wait))
        if any(thread.is_alive() for thread in self._threads()):
            raise StillRunning(f"left {counted(len(self._running()), 'job')} running: {listed(cut)}", self.stack())
        if cut:
            raise LeftBehind(f"cancelled {counted(len(cut), 'job')}: {listed(cut)}")

    def stack(self) -> str:
        """Return the jobs that run and where the threads of the scheduler stand."""
        return f"running jobs: {listed(self._running())}\n{standing(self._threads())}"

    def _running(self) -> list[str]:
        found = [dict(getattr(executor, "_instances", {})) for executor in self._executors]
        return [job for instances in found for job, number in instances.items() if number > 0]

    def _left(self) -> int:
        """Return how much is still to end: what has threads has ended when they have."""
        return len(self._running()) + sum(thread.is_alive() for thread in self._threads())

    def _threads(self) -> list[threading.Thread]:
        pools = [getattr(executor, "_pool", None) for executor in self._executors]
        return [thread for pool in pools for thread in getattr(pool, "_threads", ())]


__all__ = ["finish_jobs", "stop_scheduling"]
