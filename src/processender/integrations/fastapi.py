"""
FastAPI: the Ender as a dependency. It is small, because `asgi.EnderMiddleware` does all the rest.

Takes over: `access = Access(ender)` has what an endpoint can depend on: `Depends(access.ender)`,
`Depends(access.stopping)` and `Depends(access.remaining)` tell whether the end has begun and how many seconds it
leaves, so that a long endpoint can stop in time; `Depends(access.tasks)` takes background tasks as FastAPI's
`BackgroundTasks` does, each of which is in flight under the name of its function while it runs.

Leaves: The rest: wrap the application, `app = EnderMiddleware(FastAPI(), ender)`, and serve that. A task that must not
be lost by a cut is owed: `ender.obligation`. FastAPI runs an endpoint, or a task, that is no coroutine on a thread,
which nothing can cancel: it is named, and waited for as long as the end has time.

Versions: 0.120 to 0.165; `tests/integration/test_framework_starlette.py` runs them.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import BackgroundTasks

from ..hints import Any
from ..ports import Serving, check_ender
from .starlette import BackgroundTask


class Access:
    """What endpoints can depend on. All of it is async, so that FastAPI asks no thread for it."""

    def __init__(self, ender: Serving) -> None:
        """Give access to *ender*."""
        check_ender(ender, "fastapi.Access(ender)")
        self._ender = ender

    async def ender(self) -> Any:
        """Return the Ender."""
        return self._ender

    async def stopping(self) -> bool:
        """Tell whether the end has begun."""
        return self._ender.stopping.is_set()

    async def remaining(self) -> float | None:
        """Return the seconds that the end leaves; None while it has not begun."""
        return self._ender.remaining()

    async def tasks(self, tasks: BackgroundTasks) -> Tasks:
        """Return what takes tasks to be called after the answer."""
        return Tasks(self._ender, tasks)


class Tasks:
    """The background tasks of one request."""

    def __init__(self, ender: Serving, tasks: BackgroundTasks) -> None:
        """Add to the *tasks* that FastAPI runs."""
        self._ender = ender
        self._tasks = tasks

    def add_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Add one more."""
        self._tasks.tasks.append(BackgroundTask(self._ender, func, *args, **kwargs))


__all__ = ["Access", "Tasks"]
