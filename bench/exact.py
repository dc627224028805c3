"""The exact optimum of small plans, by brute force: every set of handlers from the best down, every order in its lanes."""

from __future__ import annotations

from processender.core.schedule import Layout, members
from processender.core.selection import Chooser


class Exact:
    """What a plan could keep at best, when it is known how long each handler takes."""

    def __init__(self, layout: Layout, times: list[float]) -> None:
        self.layout, self.times = layout, times
        self.before: list[list[int]] = [[] for _ in layout.waits]
        for node, followers in enumerate(layout.successors):
            for then in followers:
                self.before[then].append(node)

    def best(self, floor: int = 0) -> int:
        """Return the best set that can be carried through; *floor* is one that can."""
        layout = self.layout
        least = layout.worth(floor)
        sets = []
        for chosen in range(1 << layout.count):
            if chosen & ~layout.everything:
                continue
            worth = layout.worth(chosen)
            if worth > least and all(not layout.needed[node] & ~chosen for node in members(chosen)):
                sets.append((worth, chosen))
        sets.sort(reverse=True)
        refused: list[int] = []
        for _, chosen in sets:
            # More never ends earlier.
            if any(chosen & each == each for each in refused):
                continue
            if self.possible(chosen):
                return chosen
            refused.append(chosen)
        return floor

    def possible(self, chosen: int) -> bool:
        """Tell whether there is any order in which all of *chosen* end in time."""
        layout, times = self.layout, self.times
        limit = layout.limit + 1e-9
        tails = layout.tails(chosen, times)
        if max(tails) > limit:
            return False
        for lane, room in enumerate(layout.room):
            inside = [node for node in members(chosen) if layout.lanes[node] == lane]
            if sum(times[node] for node in inside) > room * limit:
                return False
        if layout.fits(chosen, times):
            return True
        return bool(layout.room) and self._search(chosen, tails, limit)

    def _search(self, chosen: int, tails: list[float], limit: float) -> bool:
        """Try the orders in which the handlers in lanes can begin, one behind the other."""
        layout, times = self.layout, self.times
        queued = [node for node in members(chosen) if layout.lanes[node] >= 0]
        seen: set[tuple[object, ...]] = set()
        left = 200_000

        def starts(placed: dict[int, float]) -> list[float]:
            at = [0.0] * len(layout.waits)
            for node in layout.order:
                begin = max((at[b] for b in self.before[node]), default=0.0)
                if chosen >> node & 1:
                    begin = placed.get(node, begin) + times[node]
                at[node] = begin
            return at

        def earliest(node: int, ends: list[float]) -> float:
            return max((ends[b] for b in self.before[node]), default=0.0)

        above = {node: self._above(node) for node in queued}

        def place(placed: dict[int, float], free: list[list[float]], done: int) -> bool:
            nonlocal left
            left -= 1
            if left < 0:
                raise RuntimeError("too many orders to try")
            key = tuple(sorted(placed.items()))
            if key in seen:
                return False
            seen.add(key)
            ends = starts(placed)
            if any(placed.get(n) is None and earliest(n, ends) + tails[n] > limit for n in members(chosen)):
                return False
            if len(placed) == len(queued):
                return True
            for node in queued:
                if done >> node & 1 or any(other in above[node] for other in queued if not done >> other & 1):
                    continue
                lane = layout.lanes[node]
                begin = max(earliest(node, ends), min(free[lane]))
                if begin + tails[node] > limit:
                    return False
                lanes = [list(each) for each in free]
                lanes[lane].remove(min(lanes[lane]))
                lanes[lane].append(begin + times[node])
                if place({**placed, node: begin}, lanes, done | 1 << node):
                    return True
            return False

        return place({}, [[0.0] * room for room in layout.room], 0)

    def _above(self, node: int) -> set[int]:
        found: set[int] = set()
        stack = list(self.before[node])
        while stack:
            each = stack.pop()
            if each not in found:
                found.add(each)
                stack.extend(self.before[each])
        return found


def optimum(layout: Layout, times: list[float]) -> int:
    """Return the best set that can be carried through."""
    return Exact(layout, times).best(Chooser(layout, times, 400).choose())
