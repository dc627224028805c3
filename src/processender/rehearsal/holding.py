"""A whole rehearsal, held: the matrix, and what compares several runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .idempotent import is_asked, try_idempotent
from .matrix import Tried, Verdict, carry_through
from .part import Part, Ports
from .reading import Rehearsal

_SEEDS = 3
"""With how many seeds handlers are run twice, and killed half-way: that is many runs for each."""


def hold(rehearsal: Rehearsal, tell: Callable[[str], object]) -> Verdict:
    """Hold *rehearsal* and return the verdict; *tell* is told how far it is, in words."""
    first = [part for part in rehearsal.parts if is_asked(part)]
    verdict = carry_through(rehearsal.parts, rehearsal.jobs, lambda *counts: tell(_progress(*counts)))
    tried: list[Tried] = []
    if first and not verdict.left_out:
        tried = _idempotent(first, tell)
    tell("")
    return verdict.replace(tried=(*verdict.tried, *tried), seconds=verdict.seconds + sum(each.took for each in tried))


def _idempotent(parts: list[Part], tell: Callable[[str], object]) -> list[Tried]:
    """Run the first scenario with a few seeds, and each handler in it as it must not matter."""
    scenario = parts[0].scenario
    ports = Ports()
    of_first = [part for part in parts if part.scenario == scenario][:_SEEDS]
    tried = []
    for part in of_first:
        tried += try_idempotent(part, ports, partial(_tell_of, tell, part.seed))
    return tried


def _tell_of(tell: Callable[[str], object], seed: int, what: str) -> None:
    tell(f"idempotent, seed {seed}: {what}")


def _progress(done: int, of: int, bad: int) -> str:
    return f"{done} of {of} runs, {bad} not good"
