"""
Which handlers a window has room for, when it is not known how long each takes.

To plan with the usual times promises too much, to plan with the worst times gives up too much, since not all are slow
at once. So a set is chosen for each of several degrees of caution, each is carried through on the same scenarios, drawn
from what is known of the times, and the one is taken that keeps the most, by importance first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf

from .estimates import Estimate
from .record import Record
from .schedule import Layout, members
from .selection import MANY, Chooser

CAUTIONS = (0.5, 0.3, 0.65, 0.8, 0.9, 0.95)
"""The shares of cases in which a handler takes no longer than it is given, one for each set that is tried."""
MEDIAN = 0.5
_WORK = 40_000
"""How many handlers are looked at, in all that is tried, before a choice must be enough."""
Worth = tuple[float, float, float]


class Effort(Record):
    """How much is tried before a choice is made."""

    cautions: tuple[float, ...]
    """The degrees of caution."""
    scenarios: int
    """On how many scenarios each set is tried."""
    tries: int
    """How many exchanges are tried for each set."""
    climbs: bool = False
    """Whether what was found is made better on the scenarios themselves."""


THOROUGH = Effort(CAUTIONS, 96, 400, climbs=True)
"""Beforehand, where nobody waits."""
QUICK = Effort((MEDIAN,), 12, 25)
"""While the window runs."""
SIMPLE = Effort((MEDIAN,), 0, 400)
"""Without chance."""


class Choice(Record):
    """What is to be kept."""

    chosen: int
    """The set that is kept."""
    extras: int
    """Those that are tried with what is left over."""
    times: tuple[float, ...]
    """How long each node was taken to last."""
    chances: tuple[float, ...] = ()
    """The chance of each handler to end in time; empty if no scenario was drawn."""


def choose(
    layout: Layout, estimates: Sequence[Estimate], chance: Callable[[], float] | None, effort: Effort, before: int = 0
) -> Choice:
    """
    Choose from *layout*.

    Args:

        layout: What is still to do, and until when.

        estimates: How long each handler takes, or will still take if it runs.

        chance: Gives a number in [0, 1); None for a choice by the usual times alone.

        effort: How much is to be tried.

        before: The set that was kept until now, which stays if nothing is better.
    """
    if chance is None:
        effort = SIMPLE
    effort = effort.replace(
        tries=min(effort.tries, _WORK // (layout.count + 1) + 1),
        scenarios=min(effort.scenarios, _WORK // (layout.count + 1) + 1),
    )
    found: dict[int, tuple[float, ...]] = {}
    if before:
        found[before & layout.everything | layout.running] = times_at(layout, estimates, MEDIAN)
    for caution in effort.cautions:
        times = times_at(layout, estimates, caution)
        found.setdefault(Chooser(layout, times, effort.tries).choose(), times)
    tried = [Choice(chosen, extras_of(layout, chosen), times) for chosen, times in found.items()]
    if chance is None or not effort.scenarios:
        return tried[-1]
    drawn = scenarios(layout, estimates, chance, effort.scenarios)
    best, most = tried[0], (-inf, -inf, -inf)
    for choice in tried:
        worth, chances = score(layout, choice.chosen, choice.extras, drawn)
        if worth > most:
            best, most = choice.replace(chances=chances), worth
    return _climb(layout, best, most, drawn) if effort.climbs else best


def _climb(layout: Layout, best: Choice, most: Worth, drawn: Sequence[Sequence[float]]) -> Choice:
    """Return what is better on the scenarios than *best* by one that is let in, or one that is taken out."""
    if layout.count > MANY:
        return best
    improved = True
    while improved:
        improved = False
        outside = members(layout.everything & ~best.chosen)
        moves = [best.chosen | layout.needed[node] & layout.everything for node in outside]
        moves += [best.chosen & ~layout.needing[node] for node in members(best.chosen & ~layout.running)]
        for chosen in moves:
            extras = extras_of(layout, chosen)
            worth, chances = score(layout, chosen, extras, drawn)
            if worth > most:
                best, most = best.replace(chosen=chosen, extras=extras, chances=chances), worth
                improved = True
    return best


def odds(layout: Layout, estimates: Sequence[Estimate], chance: Callable[[], float], chosen: int) -> tuple[float, ...]:
    """Return the chance of each handler to end in time when *chosen* are kept."""
    drawn = scenarios(layout, estimates, chance, THOROUGH.scenarios)
    return score(layout, chosen, extras_of(layout, chosen), drawn)[1]


def times_at(layout: Layout, estimates: Iterable[Estimate], share: float) -> tuple[float, ...]:
    """Return how long each node takes at most with the chance *share*."""
    times = [estimate.quantile(share) for estimate in estimates]
    return (*times, *[0.0] * (len(layout.waits) - len(times)))


def scenarios(
    layout: Layout, estimates: Sequence[Estimate], chance: Callable[[], float], count: int
) -> list[tuple[float, ...]]:
    """Return *count* drawings of how long each node takes."""
    barriers = (0.0,) * (len(layout.waits) - layout.count)
    return [(*[estimate.quantile(chance()) for estimate in estimates], *barriers) for _ in range(count)]


def score(
    layout: Layout, chosen: int, extras: int, drawn: Sequence[Sequence[float]]
) -> tuple[Worth, tuple[float, ...]]:
    """Return what *chosen* and *extras* are worth on average over the scenarios, and the chance of each handler."""
    limit = layout.limit
    counts = [0] * layout.count
    nodes = list(members(chosen | extras))
    for times in drawn:
        ends = layout.ends(chosen, times, extras=extras, limit=limit)
        for node in nodes:
            if ends[node] <= limit:
                counts[node] += 1
    sums = [0.0, 0.0, 0.0]
    for node in nodes:
        sums[layout.tiers[node]] += layout.values[node] * counts[node]
    share = 1.0 / max(1, len(drawn))
    return (sums[0] * share, sums[1] * share, sums[2] * share), tuple(count * share for count in counts)


def extras_of(layout: Layout, chosen: int) -> int:
    """Return those that are not *chosen*, that nobody chosen waits for, and that need none that is given up."""
    rest = layout.everything & ~chosen
    if not rest:
        return 0
    awaited = 0
    for node in reversed(layout.order):
        for then in layout.successors[node]:
            if (chosen | awaited) >> then & 1:
                awaited |= 1 << node
                break
    rest &= ~awaited
    extras = 0
    for node in members(rest):
        if not layout.needed[node] & layout.everything & ~(chosen | rest):
            extras |= 1 << node
    return extras
