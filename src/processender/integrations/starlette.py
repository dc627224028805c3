"""
Starlette: background tasks by their names. It is small, because `asgi.EnderMiddleware` does all the rest.

Takes over: The name. A background task runs inside the call of the application, which the middleware counts as
`background` under the path of its request; `BackgroundTask(ender, send_mail, address)` and `BackgroundTasks(ender)` are
those of Starlette and say `send_mail` while they run, one after another.

Leaves: The rest: wrap the application, `app = EnderMiddleware(Starlette(...), ender)`. Put nothing around the
middleware. A task that must not be lost by a cut is owed: `ender.obligation`. Starlette runs what is no coroutine on a
thread, which nothing can cancel: it is named, and waited for as long as the end has time.

Versions: 1.0 to 1.10; `tests/integration/test_framework_starlette.py` runs them.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette import background

from ..hints import Any
from ..ports import Serving


class BackgroundTask(background.BackgroundTask):
    """Starlette's own, which is in flight under the name of its function while it runs."""

    def __init__(self, ender: Serving, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Take what to call after the answer, with which arguments."""
        super().__init__(func, *args, **kwargs)
        self._ender = ender

    async def __call__(self) -> None:
        """Run it."""
        async with self._ender.inflight(getattr(self.func, "__name__", "a background task"), kind="background"):
            await super().__call__()


class BackgroundTasks(background.BackgroundTasks):
    """Starlette's own, each of which is in flight under the name of its function while it runs."""

    def __init__(self, ender: Serving) -> None:
        """Begin without a task."""
        super().__init__()
        self._ender = ender

    def add_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Add one more to be called after the answer."""
        self.tasks.append(BackgroundTask(self._ender, func, *args, **kwargs))


__all__ = ["BackgroundTask", "BackgroundTasks"]
