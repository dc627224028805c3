"""What a handler is told and can do while it runs."""

from __future__ import annotations

from collections.abc import Callable

from ..core.events import Noted
from ..core.labels import printable
from ..hints import TYPE_CHECKING, Any, TypeVar
from ..ports import Clock
from .attempt import GivesWay
from .dependencies import Dependencies

if TYPE_CHECKING:
    from logging import Logger

T = TypeVar("T")
NOTE_LENGTH = 500
"""How much of a note is kept, in characters."""
_ENDLESS = float("inf")


class Context(GivesWay):
    """One attempt of one handler, as the handler sees it. Safe for threads."""

    def __init__(self, *, handler: str, cause: str, run: str, attempt: int, until: float, clock: Clock,
                 dependencies: Dependencies, is_async: bool,
                 tell: Callable[[Noted], object] | None = None,
                 measure: Callable[[float], object] | None = None) -> None:  # fmt: skip
        """Only the engine makes one."""
        super().__init__(clock)
        self.handler = handler
        """The name of the handler."""
        self.cause = cause
        """Why the process ends, in the source's own word: `SIGTERM`, `stop`, `exit`, `error`."""
        self.attempt = attempt
        """The number of the attempt; the first is 1."""
        self.idempotency_key = f"{run}/{handler}"
        """The same over all attempts and replays of this step, so that the other side can tell a repetition."""
        self.until = until
        """When the attempt's time is up, seconds on the monotonic clock; the engine may move it."""
        self.token = 0
        """The fencing token of a release; it only grows, so that a late owner cannot undo the work of the next."""
        self._dependencies = dependencies
        self._is_async = is_async
        self._tell = tell
        self._measure = measure

    def remaining(self) -> float:
        """Return the seconds that this attempt has left; 0.0 when it was asked to give way."""
        return 0.0 if self.cancelled else max(0.0, self.until - self._clock.now())

    def call(self, dependency: str, function: Callable[..., T], timeout: float | None = None) -> Any:
        """
        Call *function* without arguments under a deadline of its own and the breaker of *dependency*.

        In an async handler the result must be awaited. A sync function runs on a thread of its own, so that the
        deadline holds although it blocks; it is left alone when it does.

        Args:

            dependency: The name of what is called; all handlers that name it share one breaker.

            function: What to call, sync or async.

            timeout: The longest it may take, seconds; never beyond `remaining()`.

        Raises `TimeoutError` when the time is up and `CircuitOpenError` when *dependency* failed too often just now.
        """
        limit = self.remaining() if timeout is None else min(timeout, self.remaining())
        if self._is_async:
            return self._dependencies.call_async(dependency, function, limit)
        return self._dependencies.call(dependency, function, limit)

    def note(self, text: str) -> None:
        """Say in a line, for the log and the report, what was seen or done; never a secret."""
        if self._tell is not None:
            self._tell(Noted(self._clock.now(), self.handler, printable(text, NOTE_LENGTH)))

    def size(self, amount: float) -> None:
        """
        Say how much there is to do, so that this time is planned for, and remembered, by the unit.

        Say it as soon as it is known, and in the same unit in every run: messages, rows, bytes. Without it a queue that
        is ten times as long as usual is only seen to be late.
        """
        if not 0 <= amount < _ENDLESS:
            raise ValueError(f"cannot take the size {amount!r} of {self.handler!r}: it must be a number from 0 up")
        if self._measure is not None:
            self._measure(float(amount))

    @property
    def log(self) -> Logger:
        """The handler's logger, `processender.<handler>`."""
        import logging  # noqa: PLC0415 - half of asyncio's start-up cost, for those who log

        return logging.getLogger(f"processender.{self.handler}")

    def give_way(self) -> bool:
        """Ask the attempt to give way and tell whether `cancel` has anything to call. Only the engine calls it."""
        with self._lock:
            self.cancelled = True
            return bool(self._on_cancel)

    def cancel(self) -> list[BaseException]:
        """Ask the attempt to give way; return what its own functions raised. Only the engine calls it."""
        raised: list[BaseException] = []
        for function in self._give_way():
            try:
                function()
            except BaseException as error:  # foreign code; it is reported
                raised.append(error)
        return raised
