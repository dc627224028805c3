"""Random sets of handlers to plan: acyclic, of both kinds of edges, with lanes, and times that vary."""

from __future__ import annotations

import random
from collections.abc import Sequence

from processender.core.graph import Graph, compile_graph
from processender.core.handler import Handler, Importance
from processender.core.schedule import Layout

LANES = {"db": 1, "disk": 2}
_IMPORTANCES = (Importance.MUST, Importance.SHOULD, Importance.MAY)


class Instance:
    """Handlers, their order, and how long each takes."""

    def __init__(self, chance: random.Random, count: int, *, lanes: float = 0.5, by_length: bool = False) -> None:
        """
        Make one.

        Args:

            chance: Where the numbers come from.

            count: How many handlers.

            lanes: Which share of them holds a lane.

            by_length: Whether the value of each follows its length, which is the hardest to choose from.
        """
        self.times = [chance.lognormvariate(0.0, 1.0) for _ in range(count)]
        handlers = []
        for number in range(count):
            earlier = [f"h{n}" for n in range(number)]
            named = chance.sample(earlier, min(len(earlier), chance.choice((0, 0, 1, 1, 2))))
            needs = [name for name in named if chance.random() < 0.5]
            value = self.times[number] * 10 * chance.uniform(0.9, 1.1) if by_length else chance.randint(1, 100)
            handlers.append(
                Handler(
                    f"h{number}",
                    phase="close",
                    needs=tuple(needs),
                    after=tuple(name for name in named if name not in needs),
                    importance=chance.choices(_IMPORTANCES, (3, 4, 3))[0],
                    value=float(value),
                    lane=chance.choice(tuple(LANES)) if chance.random() < lanes else None,
                )
            )
        self.handlers = handlers
        self.graph: Graph = compile_graph(handlers, ("close",), LANES)[0]

    def layout(self, limit: float) -> Layout:
        """Return what is to do in *limit* seconds."""
        return Layout(self.graph, LANES, limit=limit)

    def padded(self, times: Sequence[float] | None = None) -> list[float]:
        """Return the time of each node of the graph."""
        times = self.times if times is None else times
        return [*times, *[0.0] * (len(self.graph.waits) - len(times))]

    def makespan(self, times: Sequence[float] | None = None) -> float:
        """Return how long all of it takes."""
        layout = self.layout(float("inf"))
        return layout.makespan(layout.everything, self.padded(times))
