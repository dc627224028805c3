"""
How a window is divided among handlers: `plan(graph, window, estimates, progress, chance)`.

It is made when armed, at each change, and on every surprise. Where all is expected to end in time, also if all take as
long as they seldom do, there is nothing to choose, and what chooses is not even loaded.
"""

from __future__ import annotations

from _heapq import heappop, heappush
from collections.abc import Callable, Collection, Mapping, Sequence

from ..demand import load
from ..hints import Any
from .graph import Graph, Problem
from .handler import Handler, Importance
from .plan import Misfit, Plan, Progress, Step, guess
from .window import Window

LIMIT_SHARE = 0.4
"""What part of the window is kept free at most for a `must` of which only the time-out is known."""
USUAL = 0.5
"""Half of all cases: the expected time of what has run before."""
SELDOM = 0.95
"""The share of cases that a plan with room to spare has room for."""
MOST_FOLLOWED = 150
"""How many handlers a run may have that plans anew when it is surprised."""
Known = Mapping[str, Any]


class Planner:
    """Computes order, expected times and latest finishes, and what is given up in a window that is too short."""

    __slots__ = ("lanes",)

    def __init__(self, lanes: Mapping[str, int] | None = None) -> None:
        """Take the capacity of each lane; a lane that is not named has the capacity 1."""
        self.lanes = dict(lanes or {})

    def plan(
        self,
        graph: Graph,
        window: Window,
        estimates: Known | None = None,
        progress: Progress | Mapping[str, float] | None = None,
        chance: Callable[[], float] | None = None,
        problems: tuple[Problem, ...] = (),
        *,
        thorough: bool = False,
        before: Plan | None = None,
    ) -> Plan:
        """
        Make the plan of *graph* for *window*.

        Args:

            graph: The handlers, compiled.

            window: The time there is.

            estimates: How long handlers usually take, or the seconds that are certain; they go before what their
                authors expected.

            progress: Where the run stands, or the handlers that have ended, each with the seconds from the notice.

            chance: Gives a number in [0, 1), for the scenarios on which a choice is tried; None for a choice by the
                usual times alone.

            problems: What was wrong with the order, carried along.

            thorough: Whether there is time to look for the best choice, and for the chance of each handler.

            before: The plan that held until now.
        """
        told: dict[str, Any] = {}
        if estimates:
            estimate_of = load("core.durations").estimate_of
            told = {name: estimate_of(each) for name, each in estimates.items() if name in graph.index}
        if not isinstance(progress, Progress):
            progress = Progress(progress or {}, now=max((progress or {}).values(), default=0.0))
        # Guesses alone are no ground to give anything up.
        informed = told or any(handler.expected is not None for handler in graph.handlers)
        known = self._left(graph, window, told, progress) if informed and progress.running else told
        decision = None
        if informed and not self._is_roomy(graph, window, known, progress):
            decide = load("core.deciding").decide
            decision = decide(graph, window, self.lanes, known, progress, chance, thorough=thorough, before=before)
        return self._laid_out(graph, window, known, progress, problems, decision, told)

    def _left(self, graph: Graph, window: Window, told: Mapping[str, Any], progress: Progress) -> Mapping[str, Any]:
        """Return what is known, of those that have begun what is left of it."""
        known, time_of = dict(told), load("core.durations").time_of
        for name, began in progress.running.items():
            if name in graph.index:
                usual = time_of(graph.handlers[graph.index[name]], window, known.get(name))
                known[name] = usual.left(progress.now - began)
        return known

    def _is_roomy(self, graph: Graph, window: Window, known: Mapping[str, Any], progress: Progress) -> bool:
        """Tell whether all ends in time also if all take as long as they seldom do."""
        times = [
            0.0 if handler.name in progress.ended else _seldom(handler, window, known.get(handler.name))
            for handler in graph.handlers
        ]
        if progress.now + sum(times) <= window.work:
            # Not even one after the other do they take longer.
            return True
        starts, _ = _schedule(graph, times, self.lanes, progress.now)
        return all(start + time <= window.work + 1e-9 for start, time in zip(starts, times, strict=False))

    def _laid_out(
        self, graph: Graph, window: Window, known: Mapping[str, Any], progress: Progress,
        problems: tuple[Problem, ...], decision: Any, told: Mapping[str, Any],
    ) -> Plan:  # fmt: skip
        skips: Mapping[str, str] = decision.skips if decision is not None else {}
        over = progress.ended.keys() | skips.keys()
        durations = [0.0 if handler.name in over else _expected(handler, window, known) for handler in graph.handlers]
        followed = {graph.index[name] for name in told} if len(graph.handlers) <= MOST_FOLLOWED else set()
        tails, chain = _tails(graph, durations)
        # Of whom it is known when he is late, the run asks no sooner to give way, see `surprise`.
        kept = [0.0 if node in followed else tail for node, tail in enumerate(tails)]
        scale = _scale(window, chain)
        starts, blame = _schedule(graph, durations, self.lanes, progress.now, _ranks(graph, decision))
        steps = tuple(
            Step(
                handler.name,
                handler.phase,
                handler.importance,
                starts[node],
                starts[node] + durations[node],
                max(0.0, window.work - scale * kept[node]),
                guessed=handler.expected is None and handler.name not in known,
            )
            for node, handler in enumerate(graph.handlers)
        )
        return Plan(
            graph=graph,
            window=window,
            steps=steps,
            tails=tuple(kept),
            lanes=self.lanes,
            critical=_critical(graph, steps, blame, skips),
            skips=skips,
            misfits=_misfits(steps, window, decision),
            problems=problems,
            spare=decision.spare if decision is not None else frozenset(),
            urgency=decision.urgency if decision is not None else tuple(tails) if followed else (),
            chances=decision.chances if decision is not None else {},
            estimates=told,
        )


def _seldom(handler: Handler, window: Window, known: Any) -> float:
    """Return the seconds that *handler* seldom exceeds; a guess stands for itself."""
    if known is not None:
        return float(known.quantile(SELDOM))
    if handler.expected is None:
        return guess(handler, window)
    return 2.0 * handler.expected if handler.timeout is None else min(2.0 * handler.expected, handler.timeout)


def _expected(handler: Handler, window: Window, known: Mapping[str, Any]) -> float:
    """Return how long *handler* is expected to take: measured, else declared, else a guess."""
    if handler.name in known:
        return float(known[handler.name].quantile(USUAL))
    if handler.expected is not None:
        return handler.expected
    if handler.importance is Importance.MUST and handler.timeout is not None:
        # It is all that its author said about its length; but were all of a long one kept free, all that comes before
        # would be skipped.
        return min(handler.timeout, LIMIT_SHARE * window.work)
    return guess(handler, window)


def _tails(graph: Graph, durations: list[float]) -> tuple[list[float], float]:
    """Return for each node the seconds of the longest chain of `must` behind it, and the longest chain of all."""
    tails = [0.0] * len(graph.waits)
    longest = 0.0
    for node in reversed(graph.order):
        tail = 0.0
        for then in graph.successors[node]:
            # Who needs it cannot use the time that it is cut short by.
            in_vain = then < len(graph.needs) and node in graph.needs[then]
            tail = max(tail, tails[then] + (0.0 if in_vain else _must(graph, then, durations)))
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
    graph: Graph, durations: list[float], lanes: Mapping[str, int], begin: float, ranks: Sequence[float] = ()
) -> tuple[list[float], list[int]]:
    """Simulate the run: return when each node starts, and which node it waited for last (-1 for none)."""
    waits, free = list(graph.waits), dict(lanes)
    starts, blame = [begin] * len(waits), [-1] * len(waits)
    queues: dict[str, list[tuple[float, int, int]]] = {}
    running: list[tuple[float, int]] = []
    came: list[int] = []

    def start(node: int, now: float, because: int) -> None:
        lane = graph.handlers[node].lane if node < len(graph.handlers) else None
        blame[node] = because
        if lane is not None:
            if not free.setdefault(lane, 1):
                # Without ranks in the order in which they came.
                came.append(node)
                heappush(queues.setdefault(lane, []), (ranks[node] if ranks else 0.0, len(came), node))
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
                start(heappop(queues[lane])[2], now, node)
        for then in graph.successors[node]:
            waits[then] -= 1
            if not waits[then]:
                start(then, now, node)
    return starts, blame


def _ranks(graph: Graph, decision: Any) -> Sequence[float]:
    """Return what puts one before another where they want the same lane; nothing where the plan does not say."""
    if decision is None:
        return ()
    spare = {graph.index[name] for name in decision.spare}
    return [float("inf") if node in spare else -urgency for node, urgency in enumerate(decision.urgency)]


def _critical(graph: Graph, steps: tuple[Step, ...], blame: list[int], skips: Collection[str]) -> tuple[str, ...]:
    if not steps:
        return ()
    node = max(range(len(steps)), key=lambda each: steps[each].finish)
    chain = []
    while node >= 0:
        if node < len(steps) and graph.handlers[node].name not in skips:
            chain.append(graph.handlers[node].name)
        node = blame[node]
    return tuple(reversed(chain))


def _misfits(steps: tuple[Step, ...], window: Window, decision: Any) -> tuple[Misfit, ...]:
    given_up: tuple[Misfit, ...] = decision.misfits if decision is not None else ()
    named = {misfit.handler for misfit in given_up}
    late = [step for step in steps if step.finish > window.work + 1e-9 and step.handler not in named]
    return (
        *given_up,
        *(
            Misfit(
                step.handler,
                step.finish - window.work,
                f"{step.handler!r} is expected to end {step.finish:.2f} s after the notice;"
                f" there are {window.work:.2f} s",
            )
            for step in late
        ),
    )
