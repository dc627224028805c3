"""How a handler and a run ended."""

from __future__ import annotations

from collections.abc import Iterable

from .record import Record
from .words import Words


class Outcome(Words):
    """How a handler ended; each ends in exactly one."""

    DONE = "done"
    """It returned."""
    FAILED = "failed"
    """It raised, and no attempt was left or worth making."""
    TIMED_OUT = "timed_out"
    """Its time was up and it gave way when it was cancelled."""
    ABANDONED = "abandoned"
    """Its time was up and it, or what it was to finish, did not give way; that may still be running."""
    SKIPPED = "skipped"
    """It was never started; the reason says why."""


class Verdict(Words):
    """How a run ended; each ends in exactly one."""

    CLEAN = "clean"
    """Every handler is done."""
    DEGRADED = "degraded"
    """The run came to its end, and at least one handler did not."""
    FORCED = "forced"
    """The run was cut: by a last resort, the third interrupt, or the hard deadline."""
    CRASHED = "crashed"
    """The process died without a run."""
    CANCELLED = "cancelled"
    """The notice was withdrawn in time and what had run was undone."""


class Result(Record):
    """What became of one handler."""

    handler: str
    """Its name."""
    outcome: Outcome
    """How it ended."""
    reason: str = ""
    """Why, in words, where the outcome alone does not say."""
    started: float | None = None
    """When its first attempt began, seconds on the monotonic clock; None if it never did."""
    ended: float = 0.0
    """When it ended, seconds on the monotonic clock."""
    attempts: int = 0
    """How many attempts were begun."""
    error: str = ""
    """The last error, as `Type: text`."""

    @property
    def seconds(self) -> float:
        """How long it ran, 0.0 if it never did."""
        return 0.0 if self.started is None else self.ended - self.started


def verdict(results: Iterable[Result]) -> Verdict:
    """Judge a run that came to its end by the *results* of its handlers."""
    done = all(result.outcome is Outcome.DONE for result in results)
    return Verdict.CLEAN if done else Verdict.DEGRADED


def describe(error: BaseException) -> str:
    """Return *error* as `Type: text`, at most 500 characters, whatever its own `__str__` does."""
    try:
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
    except BaseException as broken:  # foreign code; its failure must not become ours
        text = f"{type(error).__name__} (its text raises {type(broken).__name__})"
    return text if len(text) <= 500 else text[:497] + "..."
