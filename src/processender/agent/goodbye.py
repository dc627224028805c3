"""
How a sidecar brings an application to its end: it tells it, waits for it, and leaves it to whoever has started it.

Theory of operation. The application belongs to somebody else, who will end it with or without us: in a pod the kubelet
asks it at the same time. So it is told in the ways that were configured and in no other, and it is waited for until the
time of the handler is up. Signals are a ladder: the first at once, the others at equal distances, and KILL, which is
never sent unless the ladder names it, when there is just time left to see it work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ..hints import Any
from ..ports import Context
from . import kernel
from .application import Application
from .errors import AgentError

_NEED_S = 0.5
_NEED_SHARE = 0.1
_CALL_SHARE = 0.25


class ApplicationStays(AgentError):
    """The application did not end in its time; it is left to whoever has started it."""

    code = "application-stays"


class Goodbye:
    """Tells one application that the end has come, and waits for it, on a worker of the engine."""

    def __init__(
        self,
        application: Application,
        signals: Sequence[int] = (),
        file: str = "",
        request: Callable[[Context], Any] | None = None,
    ) -> None:
        """
        Take what there is to tell.

        Args:

            application: Whom to tell.

            signals: What it is sent, one after the other for as long as it is there.

            file: What is made, or its time renewed, for it to see; empty for none.

            request: Sends an HTTP request.
        """
        self._application = application
        self._signals = tuple(signals)
        self._file = file
        self._request = request
        self._troubles: list[str] = []

    def stop(self, ctx: Context) -> None:
        """Tell it and wait for it in the time of *ctx*; raise `ApplicationStays` if it is still there then."""
        application = self._application
        ctx.on_cancel(application.cut)
        application.settle()
        if not application.there:
            return
        span = ctx.remaining()
        if self._file:
            self._try(f"make {self._file}", lambda: _touch(self._file))
        if self._request is not None:
            self._try("send the request", lambda: self._call(ctx))
        need = min(_NEED_S, _NEED_SHARE * span)
        for signum, seconds in self._steps(ctx.remaining() - need, need):
            if signum and application.there and not application.send(signum):
                name = kernel.name_of(signum)
                self._troubles.append(f"cannot send {name}: there is no process that takes it from us")
            if application.await_gone(min(seconds, ctx.remaining() - need / 2)):
                return
        if application.there:
            why = "".join(f"; {text}" for text in self._troubles)
            waited = span - ctx.remaining()
            raise ApplicationStays(f"it did not end in {waited:.2f} s, and is left to whoever has started it{why}")

    def hurry(self) -> None:
        """Wait no longer: who is in a hurry does not want to wait for others."""
        self._application.cut()

    @property
    def signals(self) -> tuple[int, ...]:
        """The signals of which an application that was asked to end may die."""
        return (*self._signals, kernel.TERM, kernel.KILL)

    def _steps(self, span: float, need: float) -> list[tuple[int, float]]:
        """Return each signal with the seconds that it has until the next; 0 for none."""
        asked = [signum for signum in self._signals if signum != kernel.KILL] or [0]
        steps = [(signum, span / len(asked)) for signum in asked]
        return [*steps, (kernel.KILL, need)] if kernel.KILL in self._signals else steps

    def _call(self, ctx: Context) -> None:
        assert self._request is not None  # it was looked at before
        self._request(_Brief(ctx, _CALL_SHARE * ctx.remaining()))

    def _try(self, what: str, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception as error:  # the other ways of telling it matter more, and the text is told in the end
            self._troubles.append(f"cannot {what}: {error}")


class _Brief:
    """The context of a handler, with less time: telling must not use up the time of waiting."""

    def __init__(self, ctx: Context, seconds: float) -> None:
        self._ctx = ctx
        self._spared = ctx.remaining() - seconds

    def remaining(self) -> float:
        """Return the seconds that are left for this."""
        return max(0.0, self._ctx.remaining() - self._spared)

    def call(self, dependency: str, function: Callable[[], Any], timeout: float | None = None) -> Any:
        """Call *function* under the breaker of *dependency*, in no more time than this has."""
        limit = self.remaining() if timeout is None else min(timeout, self.remaining())
        return self._ctx.call(dependency, function, limit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)


def _touch(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        os.utime(descriptor)
    finally:
        os.close(descriptor)
