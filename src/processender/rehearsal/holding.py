"""A whole rehearsal, held: the matrix, and what compares several runs."""

from __future__ import annotations

from collections.abc import Callable

from ..engine.clock import SystemClock
from .idempotent import is_asked, try_idempotent
from .matrix import Verdict, carry_through
from .reading import Rehearsal

_CLOCK = SystemClock()
_SEEDS = 3
"""With how many seeds handlers are run twice, and killed half-way: that is many runs for each."""


def hold(rehearsal: Rehearsal, tell: Callable[[str], object]) -> Verdict:
    """Hold *rehearsal* and return the verdict; *tell* is told how far it is, in words."""
    first = [part for part in rehearsal.parts if is_asked(part)]
    verdict = carry_through(rehearsal.parts, rehearsal.jobs, lambda *counts: tell(_progress(*counts)))
    began, tried = _CLOCK.now(), list(verdict.tried)
    if first and not verdict.left_out:
        of_first = [part for part in first if part.scenario == first[0].scenario][:_SEEDS]
        for part in of_first:
            tried += try_idempotent(part, rehearsal.jobs, lambda *counts: tell(f"idempotent: {_progress(*counts)}"))
    tell("")
    return verdict.replace(tried=tuple(tried), seconds=verdict.seconds + _CLOCK.now() - began)


def _progress(done: int, of: int, bad: int) -> str:
    return f"{done} of {of} runs, {bad} not good"
