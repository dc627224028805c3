"""
How a window is divided among handlers.

This planner keeps every handler and says which will not fit. Choosing what to give up is a later planner behind the
same call: `plan(graph, window, estimates, progress, chance)`, made when armed, at each change, and on every surprise.
"""

from __future__ import annotations

from _heapq import heappop, heappush
from collections.abc import Callable, Mapping

from .graph import Graph, Problem
from .handler import Handler, Importance
from .plan import Misfit, Plan, Step
from .window import Window

GUESS_S = 0.5
GUESS_SHARE = 0.02
RESERVE_S = 1.0
RESERVE_SHARE = 0.1
"""What is kept free for a `must` of which nobody has said how long it takes, seconds at most and of the window."""
LIMIT_SHARE = 0.4
"""What part of the window is kept free at most for a `must` of which only the time-out is known."""


class Planner:
    """The planner that keeps everything: it computes order, expected times, latest finishes and the fit."""

    __slots__ = ("lanes",)

    def __init__(self, lanes: Mapping[str, int] | None = None) -> None:
        """Take the capacity of each lane; a lane that is not named has the capacity 1."""
        self.lanes = dict(lanes or {})

    def plan(
        self,
        graph: Graph,
        window: Window,
        estimates: Mapping[str, float] | None = None,
        progress: Mapping[str, float] | None = None,
        chance: Callable[[], float] | None = None,  # noqa: ARG002 - part of the seam: a later planner samples
        problems: tuple[Problem, ...] = (),
    ) -> Plan:
        """
        Make the plan of *graph* for *window*.

        Args:

            graph: The handlers, compiled.

            window: The time there is.

            estimates: How long handlers usually take, seconds; they go before what their authors expected.

            progress: The handlers that have ended, each with the seconds from the notice to its end.

            chance: Gives a number in [0, 1).

            problems: What was wrong with the order, carried along.
        """
        estimates, progress = estimates or {}, progress or {}
        durations = [_expected(handler, window, estimates) for handler in graph.handlers]
        for name in progress:
            if name in graph.index:
                durations[graph.index[name]] = 0.0
        tails, chain = _tails(graph, durations)
        scale = _scale(window, chain)
        starts, blame = _schedule(graph, durations, self.lanes, max(progress.values(), default=0.0))
        steps = tuple(
            Step(
                handler.name,
                handler.phase,
                handler.importance,
                starts[node],
                starts[node] + durations[node],
                max(0.0, window.work - scale * tails[node]),
                guessed=handler.expected is None and handler.name not in estimates,
            )
            for node, handler in enumerate(graph.handlers)
        )
        return Plan(
            graph=graph,
            window=window,
            steps=steps,
            tails=tuple(tails),
            lanes=self.lanes,
            critical=_critical(graph, steps, blame),
            misfits=_misfits(steps, window),
            problems=problems,
        )


def _expected(handler: Handler, window: Window, estimates: Mapping[str, float]) -> float:
    """Return how long *handler* is expected to take: measured, else declared, else a guess."""
    if handler.name in estimates:
        return estimates[handler.name]
    if handler.expected is not None:
        return handler.expected
    if handler.importance is Importance.MUST and handler.timeout is not None:
        # It is all that its author said about its length; but were all of a long one kept free, all that comes before
        # would be skipped.
        return min(handler.timeout, LIMIT_SHARE * window.work)
    most, share = (RESERVE_S, RESERVE_SHARE) if handler.importance is Importance.MUST else (GUESS_S, GUESS_SHARE)
    guess = min(most, share * window.work)
    return guess if handler.timeout is None else min(guess, handler.timeout)


def _tails(graph: Graph, durations: list[float]) -> tuple[list[float], float]:
    """Return for each node the seconds of the longest chain of `must` behind it, and the longest chain of all."""
    tails = [0.0] * len(graph.waits)
    longest = 0.0
    for node in reversed(graph.order):
        tail = 0.0
        for then in graph.successors[node]:
            tail = max(tail, tails[then] + _must(graph, then, durations))
        tails[node] = tail
        longest = max(longest, tail + _must(graph, node, durations))
    return tails, longest


def _must(graph: Graph, node: int, durations: list[float]) -> float:
    counts = node < len(graph.handlers) and graph.handlers[node].importance is Importance.MUST
    return durations[node] if counts else 0.0


def _scale(window: Window, chain: float) -> float:
    """Return by how much the `must` chain shrinks, so that in a short window each still gets its share."""
    return 1.0 if chain <= window.work or not chain else window.work / chain


def _schedule(
    graph: Graph, durations: list[float], lanes: Mapping[str, int], begin: float
) -> tuple[list[float], list[int]]:
    """Simulate the run: return when each node starts, and which node it waited for last (-1 for none)."""
    waits, free = list(graph.waits), dict(lanes)
    starts, blame = [begin] * len(waits), [-1] * len(waits)
    queues: dict[str, list[int]] = {}
    running: list[tuple[float, int]] = []

    def start(node: int, now: float, because: int) -> None:
        lane = graph.handlers[node].lane if node < len(graph.handlers) else None
        blame[node] = because
        if lane is not None:
            if not free.setdefault(lane, 1):
                queues.setdefault(lane, []).append(node)
                return
            free[lane] -= 1
        starts[node] = now
        heappush(running, (now + (durations[node] if node < len(durations) else 0.0), node))

    for node, count in enumerate(graph.waits):
        if not count:
            start(node, begin, -1)
    while running:
        now, node = heappop(running)
        lane = graph.handlers[node].lane if node < len(graph.handlers) else None
        if lane is not None:
            free[lane] += 1
            if queues.get(lane):
                start(queues[lane].pop(0), now, node)
        for then in graph.successors[node]:
            waits[then] -= 1
            if not waits[then]:
                start(then, now, node)
    return starts, blame


def _critical(graph: Graph, steps: tuple[Step, ...], blame: list[int]) -> tuple[str, ...]:
    if not steps:
        return ()
    node = max(range(len(steps)), key=lambda each: steps[each].finish)
    chain = []
    while node >= 0:
        if node < len(steps):
            chain.append(graph.handlers[node].name)
        node = blame[node]
    return tuple(reversed(chain))


def _misfits(steps: tuple[Step, ...], window: Window) -> tuple[Misfit, ...]:
    late = [step for step in steps if step.finish > window.work + 1e-9]
    return tuple(
        Misfit(
            step.handler,
            step.finish - window.work,
            f"{step.handler!r} is expected to end {step.finish:.2f} s after the notice; there are {window.work:.2f} s",
        )
        for step in late
    )
