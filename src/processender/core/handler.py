"""One clean-up step: its name, place in the order, time and importance."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import HandlerError
from ..hints import Any
from .record import Record
from .retry import Retry
from .spans import LONGEST_S
from .words import Words

PHASES = ("drain", "quiesce", "flush", "commit", "close", "release")
"""The default phases, in order: leave traffic, finish work, write out, confirm, close, give back."""
_ENDLESS = float("inf")
DRAIN = "drain"
"""The phase that can be taken back: traffic may come again."""


class Importance(Words):
    """What is given up first when the window is too short."""

    MUST = "must"
    """Kept as long as it can fit at all."""
    SHOULD = "should"
    """Given up before any `must`."""
    MAY = "may"
    """Given up first."""


class Handler(Record):
    """One clean-up step. Times are seconds as float."""

    name: str
    """Its name, unique in its Ender; order is stated by names."""
    call: Callable[..., Any] | None = None
    """What is called, with zero or one argument (the context); the core never calls it."""
    phase: str = "close"
    """The stretch of the order in which it runs."""
    after: tuple[str, ...] = ()
    """Handlers that must have ended before, whatever their outcome."""
    needs: tuple[str, ...] = ()
    """Handlers that must have ended `done` before; else this one is skipped."""
    before: tuple[str, ...] = ()
    """Handlers that wait for this one, as if they had named it in `after`."""
    priority: int = 0
    """Inside its phase, those of higher priority end before those of lower priority start."""
    importance: Importance = Importance.SHOULD
    """What is given up first when the window is too short."""
    value: float = 1.0
    """What it is worth against others of the same importance."""
    timeout: float | None = None
    """The longest it may take in all, retries included; None means up to its latest finish."""
    attempt_timeout: float | None = None
    """The longest that one attempt may take; None means no limit of its own."""
    expected: float | None = None
    """How long it usually takes, if its author knows."""
    retry: Retry = Retry()
    """When a failed attempt is repeated."""
    lane: str | None = None
    """The name of the resource of limited capacity that it occupies while it runs."""
    fallback: Callable[..., Any] | None = None
    """For an async handler: a sync function that runs in its stead when the event loop is blocked."""
    loop: str = "app"
    """For an async handler: `app` binds it to the application's loop, `any` lets it run on the Ender's own."""
    resume: Callable[..., Any] | None = None
    """What undoes it when the end is taken back while nothing beyond `drain` has begun; called like `call`."""
    lasting: bool = False
    """Whether what it does outlasts the process: then `resume` is also called when a new process begins to serve."""

    def check(self) -> None:
        """Raise `HandlerError` for a description that makes no sense."""
        if not self.name or not self.name.isprintable():
            raise HandlerError(f"cannot register a handler named {self.name!r}: the name must be printable text")
        for field in ("timeout", "attempt_timeout", "expected"):
            self._check_time(field, getattr(self, field))
        if not isinstance(self.retry, Retry):
            raise HandlerError(f"cannot register {self.name!r}: retry must be a Retry; write retry=Retry(attempts=3)")
        if not (0 <= self.value < _ENDLESS):
            raise HandlerError(f"cannot register {self.name!r}: value={self.value} must be a number from 0 up")
        if self.loop not in {"app", "any"}:
            raise HandlerError(f"cannot register {self.name!r}: loop={self.loop!r} must be 'app' or 'any'")
        if self.lasting and self.resume is None:
            text = "what outlasts the process must be taken back by the next; give it resume="
            raise HandlerError(f"cannot register {self.name!r}: {text}")

    def _check_time(self, field: str, seconds: float | None) -> None:
        if seconds is None:
            return
        if not isinstance(seconds, int | float):
            raise HandlerError(f"cannot register {self.name!r}: {field}={seconds!r} must be seconds, a number like 5.0")
        if not (0 <= seconds <= LONGEST_S and (seconds or field == "expected")):
            raise HandlerError(
                f"cannot register {self.name!r}: {field}={seconds} must be seconds above 0 and at most a week"
            )
