"""One attempt of one handler on its way through a driver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..core.handler import Handler
from ..core.reports import Began, Raised, Refused, Report, Returned
from ..errors import HandlerError
from ..hints import Any, Protocol
from ..ports import Clock
from .callables import is_async, takes_context
from .context import Context


class Inbox(Protocol):
    """Where drivers put what they have to report."""

    def __call__(self, reports: Sequence[Report], *, wake: bool = True) -> None:
        """Take reports, from any thread; return at once. Without *wake* they are found when something else wakes."""


class Job:
    """One attempt. Whoever claims it first runs it: its own driver, or the one that steps in."""

    __slots__ = ("_claim", "attempt", "call", "clock", "context", "handler", "run", "stack", "task")

    def __init__(
        self, handler: Handler, call: Callable[..., Any], context: Context, clock: Clock, run: str = ""
    ) -> None:
        """Take the *call* to make, the handler's own or its fallback, and the name of the *run* that wants it."""
        self.handler = handler
        self.call = call
        self.context = context
        self.clock = clock
        self.run = run
        self.attempt = context.attempt
        self.task: Any = None
        """The asyncio task that runs it, once it does."""
        self.stack: Callable[[], str] | None = getattr(call, "stack", None)
        """Tells where it stands, once it runs."""
        self._claim = threading.Lock()

    def claim(self) -> bool:
        """Tell whether the caller may run it; True exactly once."""
        return self._claim.acquire(blocking=False)

    @property
    def taken(self) -> bool:
        """Whether somebody has claimed it."""
        return self._claim.locked()

    def began(self) -> Report:
        """Return the report that it takes its first step now."""
        return Began(self.handler.name, self.attempt, self.clock.now(), self.run)

    def refused(self, reason: str) -> Report:
        """Return the report that it is not going to begin, for this *reason*."""
        return Refused(self.handler.name, self.attempt, self.clock.now(), reason, self.run)

    def returned(self) -> Report:
        """Return the report that it returned now."""
        return Returned(self.handler.name, self.attempt, self.clock.now(), self.run)

    def raised(self, error: BaseException) -> Report:
        """Return the report that it raised *error* now."""
        return Raised(self.handler.name, self.attempt, self.clock.now(), error, self.run)

    def invoke(self) -> Any:
        """Call it, with the context if it takes one."""
        return self.call(self.context) if takes_context(self.call) else self.call()

    def invoke_sync(self) -> None:
        """Call it on this thread; a coroutine that it returns is a mistake that must not pass for done."""
        result = self.invoke()
        if hasattr(result, "__await__"):
            close = getattr(result, "close", None)
            if close is not None:
                close()
            raise HandlerError(f"{self.handler.name!r} returned a coroutine that nobody awaits; make it `async def`")

    @property
    def is_async(self) -> bool:
        """Whether it needs an event loop."""
        return is_async(self.call)
