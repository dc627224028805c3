"""
Which handlers a window has room for, when it is known how long each takes.

The set grows by whole closures: a handler with all that it needs and that is not yet in. First what matters most by
importance, and of equals once by value for the time that it takes, once by plain value; the better set is kept. Then
it is tried what a single one, taken out, makes room for. Greed alone keeps a handler that two better ones could
replace; the exchange finds them. Exact it is not: the question is harder than any window is long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .schedule import TIERS, Layout, members

_LEAF, _INNER = 0.02, 0.25
"""What a second costs where no lane is held: little, and more when others wait for it."""
MANY = 150
"""From how many handlers on a set grows by halves and nothing is exchanged, or a plan would come too late."""


class Chooser:
    """Grows sets of handlers that fit; every set that was tried is remembered."""

    def __init__(self, layout: Layout, times: Sequence[float], tries: int) -> None:
        """Take how long each node takes, and how many sets may be tried for exchanges."""
        self._layout = layout
        self._times = times
        self._tries = tries
        self._known: dict[int, bool] = {}
        self._prices = [self._price(node) for node in range(layout.count)]

    def _price(self, node: int) -> float:
        lane = self._layout.lanes[node]
        if lane >= 0:
            return self._times[node] / self._layout.room[lane] + 1e-9
        return self._times[node] * (_INNER if self._layout.successors[node] else _LEAF) + 1e-9

    def _fits(self, chosen: int) -> bool:
        known = self._known.get(chosen)
        if known is None:
            self._tries -= 1
            known = self._known[chosen] = self._layout.fits(chosen, self._times)
        return known

    def choose(self, also: int = 0) -> int:
        """Return the best set that was found; *also* is one that is known to be good."""
        layout = self._layout
        if self._fits(layout.everything):
            return layout.everything
        if layout.count > MANY:
            return self._grow_by_halves(layout.running)
        found = {self._grow(layout.running, 0, by) for by in (self._density, self._value)}
        if also and self._fits(also):
            found.add(self._grow(also, 0, self._density))
        best = max(found, key=layout.worth)
        return self._exchange(best)

    # Growth.

    def _density(self, missing: int, tier: int) -> float:
        layout, worth, price = self._layout, 0.0, 0.0
        while missing:
            lowest = missing & -missing
            node = lowest.bit_length() - 1
            if layout.tiers[node] <= tier:
                worth += layout.values[node]
            price += self._prices[node]
            missing ^= lowest
        return worth / price

    def _value(self, missing: int, tier: int) -> float:
        layout, worth = self._layout, 0.0
        while missing:
            lowest = missing & -missing
            node = lowest.bit_length() - 1
            if layout.tiers[node] <= tier:
                worth += layout.values[node]
            missing ^= lowest
        return worth

    def _grow(self, chosen: int, without: int, by: Callable[[int, int], float]) -> int:
        """Return *chosen* with all that still fits, but for those in *without*."""
        layout = self._layout
        open_ = layout.everything & ~chosen & ~without
        for tier in range(len(TIERS)):
            waiting: dict[int, tuple[int, float]] = {}
            for node in members(open_):
                if layout.tiers[node] == tier and not layout.needed[node] & without:
                    missing = layout.needed[node] & layout.everything & ~chosen
                    waiting[node] = (missing, by(missing, tier) if missing else 0.0)
            while waiting:
                node = max(waiting, key=lambda each: waiting[each][1])
                missing = waiting.pop(node)[0]
                if not missing or not self._fits(chosen | missing):
                    continue
                chosen |= missing
                for other, (lacks, _) in list(waiting.items()):
                    if lacks & missing:
                        rest = lacks & ~missing
                        waiting[other] = (rest, by(rest, tier) if rest else 0.0)
            open_ &= ~chosen
        return chosen

    def _grow_by_halves(self, chosen: int) -> int:
        """Return *chosen* with what fits, where there are so many that not each can be tried for itself."""
        layout = self._layout
        for tier in range(len(TIERS)):
            nodes = [node for node in members(layout.everything & ~chosen) if layout.tiers[node] == tier]
            nodes.sort(key=lambda node: -self._density(layout.needed[node], tier))
            parts = [nodes]
            while parts and self._tries > 0:
                part = parts.pop()
                missing = 0
                for node in part:
                    missing |= layout.needed[node]
                missing &= layout.everything & ~chosen
                if not missing:
                    continue
                if self._fits(chosen | missing):
                    chosen |= missing
                elif len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
        return chosen

    # Exchange.

    def _exchange(self, best: int) -> int:
        layout = self._layout
        worth = layout.worth(best)
        improved = True
        while improved and self._tries > 0:
            improved = False
            for tried in self._neighbours(best):
                found = layout.worth(tried)
                if found > worth:
                    best, worth, improved = tried, found, True
                    break
                if self._tries <= 0:
                    break
        return best

    def _neighbours(self, best: int) -> Iterator[int]:
        """Return the sets that differ from *best* by one that is let in, or by one that is taken out."""
        layout = self._layout
        outside = list(members(layout.everything & ~best))
        outside.sort(key=lambda node: (layout.tiers[node], -layout.values[node]))
        inside = list(members(best & ~layout.running))
        inside.sort(key=lambda node: (-layout.tiers[node], layout.values[node]))
        for node in outside:
            yield self._let_in(best, node, inside)
        for node in inside:
            yield self._take_out(best, node)

    def _let_in(self, best: int, node: int, inside: Sequence[int]) -> int:
        """Return *best* with *node*, without as many of the least that it takes to make room, and what then fits."""
        layout = self._layout
        kept = layout.needed[node] & layout.everything
        chosen, out = best | kept, 0
        for other in inside:
            if self._fits(chosen):
                break
            if chosen >> other & 1 and not layout.needing[other] & kept:
                chosen &= ~layout.needing[other]
                out |= layout.needing[other]
        if not self._fits(chosen):
            return best
        return self._grow(chosen, 0, self._density)

    def _take_out(self, best: int, node: int) -> int:
        """Return *best* without *node*, and with what then fits in its stead."""
        gone = self._layout.needing[node]
        chosen = self._grow(best & ~gone, gone & best, self._density)
        return self._grow(chosen, 0, self._density)
