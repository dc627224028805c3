"""When a failed attempt is repeated: exponential backoff with full jitter, never beyond the time left."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import HandlerError, Permanent, Transient
from .record import Record

# Of a tuple: the order in which it is shown must not depend on where it was compiled.
TRANSIENT_STATUS = frozenset((408, 425, 429, 500, 502, 503, 504))
"""The HTTP status codes (RFC 9110 section 15, RFC 6585) after which the same request may succeed later."""


class Retry(Record):
    """
    How often and when a handler is tried again.

    The pause before attempt n+1 is drawn evenly from 0 to `min(maximum, initial * factor ** (n - 1))` seconds
    ("full jitter"), so that many processes that end together do not come back together.
    """

    attempts: int = 1
    """How many attempts there may be in all; 1 means no retry."""
    initial: float = 0.1
    """The longest first pause, seconds."""
    maximum: float = 5.0
    """The longest pause of all, seconds."""
    factor: float = 2.0
    """By how much the longest pause grows from one attempt to the next."""
    on: tuple[type[BaseException], ...] = (OSError, TimeoutError, Transient)
    """The exceptions that may pass; any other is a bug or a refusal and is not repeated."""

    def check(self) -> None:
        """Raise `HandlerError` for a number that makes no sense."""
        for field in ("attempts", "initial", "maximum", "factor"):
            if not isinstance(getattr(self, field), int | float):
                given = getattr(self, field)
                raise HandlerError(f"cannot retry with {field}={given!r}: it is a number, and times are seconds")
        if self.attempts < 1:
            raise HandlerError(f"cannot retry with attempts={self.attempts}: there is at least 1 attempt")
        if not (0 <= self.initial <= self.maximum < float("inf")):
            raise HandlerError(
                f"cannot retry with initial={self.initial}, maximum={self.maximum}: 0 <= initial <= maximum"
            )
        if not 1 <= self.factor <= 100:
            raise HandlerError(f"cannot retry with factor={self.factor}: it lies between 1 and 100")

    def ceiling(self, attempt: int) -> float:
        """Return the longest pause, in seconds, after the attempt with this number (the first is 1)."""
        # Beyond 64 doublings the maximum has long been reached, and a float would overflow.
        return min(self.maximum, self.initial * self.factor ** min(attempt - 1, 64))

    def pause(self, attempt: int, chance: Callable[[], float]) -> float:
        """Draw the pause, in seconds, after the attempt with this number; *chance* gives a number in [0, 1)."""
        return self.ceiling(attempt) * chance()

    def worst_case(self, each: float) -> float:
        """Return the longest time, in seconds, that all attempts of *each* seconds and their pauses can take."""
        return self.attempts * each + sum(self.ceiling(n) for n in range(1, self.attempts))

    def may_pass(self, error: BaseException) -> bool:
        """Tell whether *error* is of a kind that another attempt may cure."""
        return isinstance(error, self.on) and not isinstance(error, Permanent)

    def next_start(
        self, error: BaseException, attempt: int, now: float, until: float, chance: Callable[[], float]
    ) -> float | None:
        """
        Return when the next attempt starts, or None if there is none.

        Args:

            error: Why the attempt failed; its `retry_after`, if it has one, is the least pause.

            attempt: The number of the attempt that failed, the first is 1.

            now: The time, seconds on the monotonic clock.

            until: The latest start that leaves room for another attempt.

            chance: Gives a number in [0, 1).
        """
        if attempt >= self.attempts or not self.may_pass(error):
            return None
        asked = getattr(error, "retry_after", None)
        # A foreign exception may carry anything under that name.
        least = asked if isinstance(asked, int | float) and 0 <= asked < float("inf") else 0.0
        start = now + max(least, self.pause(attempt, chance))
        return start if start <= until else None
