"""Work in progress, counted by the application, which the end waits for and can name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from ..core.events import Waiting
from ..ports import Clock
from .context import Context

SAY_S = 1.0


class Token:
    """One piece of work: a context manager, sync and async, that may be entered once."""

    __slots__ = ("_home", "what")

    def __init__(self, home: InFlight, what: str) -> None:
        """Take what the work is, in words."""
        self._home = home
        self.what = what

    def __enter__(self) -> None:
        """Begin the work."""
        self._home.begin(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the work."""
        self._home.end(self)

    async def __aenter__(self) -> None:
        """Begin the work."""
        self._home.begin(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the work."""
        self._home.end(self)


class InFlight:
    """The work in progress of an Ender. Safe for threads."""

    def __init__(self, clock: Clock, tell: Callable[[Waiting], object]) -> None:
        """Say through *tell* what is waited for."""
        self._clock = clock
        self._tell = tell
        self._changed = threading.Condition(threading.Lock())
        self._live: dict[int, Token] = {}

    def reset(self) -> None:
        """Forget everything, in a fork child: the work and the lock are the parent's."""
        self._changed = threading.Condition(threading.Lock())
        self._live = {}

    def begin(self, token: Token) -> None:
        """Count *token*."""
        with self._changed:
            self._live[id(token)] = token

    def end(self, token: Token) -> None:
        """Count *token* no longer."""
        with self._changed:
            self._live.pop(id(token), None)
            if not self._live:
                self._changed.notify_all()

    def labels(self) -> list[str]:
        """Return what is in progress, in words, the oldest first."""
        with self._changed:
            return [token.what for token in self._live.values()]

    def wait(self, ctx: Context) -> None:
        """Wait until nothing is in progress; work that begins meanwhile counts too. It is a handler in `quiesce`."""
        ctx.on_cancel(self._wake)
        while what := self.labels():
            self._tell(Waiting(self._clock.now(), tuple(what)))
            with self._changed:
                self._changed.wait_for(lambda: not self._live or ctx.cancelled, SAY_S)
            if ctx.cancelled:
                raise TimeoutError(f"still in flight: {', '.join(self.labels()[:10])}")

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
