"""
How a window is divided among handlers: `plan(graph, window, estimates, progress, chance)`.

It is made when armed, at each change, and on every surprise. Where all is expected to end in time, also if all take as
long as they seldom do, there is nothing to choose, and what chooses is not even loaded.
"""

from __future__ import annotations

from _heapq import heappop, heappush
from collections.abc import Callable, Mapping, Sequence

from ..demand import load
from ..hints import Any
from .durations import declared, estimate_of, expected, seldom
from .estimates import Estimate
from .graph import Graph, Problem
from .handler import Importance
from .plan import Misfit, Plan, Progress, Step
from .window import Window

MOST_FOLLOWED = 150
"""How many handlers a run may have that plans anew when it is surprised."""
Known = Mapping[str, "Estimate | float"]


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
        told = {name: estimate_of(each) for name, each in (estimates or {}).items() if name in graph.index}
        if not isinstance(progress, Progress):
            progress = Progress(progress or {}, now=max((progress or {}).values(), default=0.0))
        known = dict(told)
        for name, began in progress.running.items():
            if name in graph.index:
                usual = known.get(name) or declared(graph.handlers[graph.index[name]], window)
                known[name] = usual.left(progress.now - began)
        decision = None
        # Guesses alone are no ground to give anything up.
        informed = known or any(handler.expected is not None for handler in graph.handlers)
        if informed and not self._is_roomy(graph, window, known, progress):
            times = [known.get(handler.name) or declared(handler, window) for handler in graph.handlers]
            decide = load("core.deciding").decide
            decision = decide(graph, window, self.lanes, times, progress, chance, thorough=thorough, before=before)
        return self._laid_out(graph, window, known, progress, problems, decision, told)

    def _is_roomy(self, graph: Graph, window: Window, known: Mapping[str, Estimate], progress: Progress) -> bool:
        """Tell whether all ends in time also if all take as long as they seldom do."""
        times = [
            0.0 if handler.name in progress.ended else seldom(handler, window, known.get(handler.name))
            for handler in graph.handlers
        ]
        starts, _ = _schedule(graph, times, self.lanes, progress.now)
        return all(start + time <= window.work + 1e-9 for start, time in zip(starts, times, strict=False))

    def _laid_out(
        self, graph: Graph, window: Window, known: Mapping[str, Estimate], progress: Progress,
        problems: tuple[Problem, ...], decision: Any, told: Mapping[str, Estimate],
    ) -> Plan:  # fmt: skip
        skips: Mapping[str, str] = decision.skips if decision is not None else {}
        over = progress.ended.keys() | skips.keys()
        durations = [0.0 if handler.name in over else expected(handler, window, known) for handler in graph.handlers]
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
            critical=_critical(graph, steps, blame),
            skips=skips,
            misfits=_misfits(steps, window, decision),
            problems=problems,
            spare=decision.spare if decision is not None else frozenset(),
            urgency=decision.urgency if decision is not None else tuple(tails) if followed else (),
            chances=decision.chances if decision is not None else {},
            estimates=told,
        )


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
