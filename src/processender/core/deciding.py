"""What a plan keeps, what it gives up, and why; loaded when a window may be too short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from .durations import time_of as time_in
from .estimates import Estimate
from .graph import Graph
from .handler import Handler
from .plan import Misfit, Plan, Progress
from .portfolio import MEDIAN, QUICK, THOROUGH, Choice, choose, odds, times_at
from .record import Record
from .schedule import Layout, members
from .window import Window


class Decision(Record):
    """What becomes of each handler."""

    skips: Mapping[str, str]
    """Those that are given up, each with the reason."""
    spare: frozenset[str]
    """Those that are tried with what is left over."""
    misfits: tuple[Misfit, ...]
    """Both, with by how much they do not fit."""
    urgency: tuple[float, ...]
    """For each node, how long it takes at least from its beginning to the end of all."""
    chances: Mapping[str, float]
    """The chance of each handler to end in time; empty if that was not asked for."""


def decide(
    graph: Graph, window: Window, lanes: Mapping[str, int], known: Mapping[str, Estimate], progress: Progress,
    chance: Callable[[], float] | None, *, thorough: bool, before: Plan | None,
) -> Decision:  # fmt: skip
    """Decide what is kept of *graph*; see `Planner.plan`."""
    times = [time_in(handler, window, known.get(handler.name)) for handler in graph.handlers]
    layout = lay_out(graph, lanes, window, progress)
    kept = sum(
        1 << node for node, handler in enumerate(graph.handlers) if before is not None and is_kept(before, handler.name)
    )
    choice = choose(layout, times, chance, THOROUGH if thorough else QUICK, kept)
    return _told(graph, window, layout, choice, times_at(layout, times, MEDIAN))


def odds_of(plan: Plan, chance: Callable[[], float]) -> dict[str, float]:
    """Return the chance of each handler of *plan* to end in time, from the beginning of its window."""
    layout = lay_out(plan.graph, plan.lanes, plan.window, Progress())
    times = [time_of(plan, handler) for handler in plan.graph.handlers]
    kept = sum(1 << node for node, handler in enumerate(plan.graph.handlers) if is_kept(plan, handler.name))
    found = odds(layout, times, chance, kept)
    return {handler.name: found[node] for node, handler in enumerate(plan.graph.handlers)}


def time_of(plan: Plan, handler: Handler) -> Estimate:
    """Return what *plan* knows, or guesses, of the time of *handler*."""
    return time_in(handler, plan.window, plan.estimates.get(handler.name))


def is_kept(plan: Plan, name: str) -> bool:
    """Tell whether *plan* counts on the handler *name*."""
    return name in plan.graph.index and name not in plan.skips and name not in plan.spare


def lay_out(graph: Graph, lanes: Mapping[str, int], window: Window, progress: Progress) -> Layout:
    """Return what is still to do where the run stands."""

    def of(names: Iterable[str]) -> int:
        return sum([1 << graph.index[name] for name in names if name in graph.index])

    over, running = of(progress.ended), of(progress.running)
    return Layout(
        graph, lanes, limit=window.work, begin=progress.now,
        running=running & ~over, over=over, done=over & ~of(progress.failed),
    )  # fmt: skip


def _told(graph: Graph, window: Window, layout: Layout, choice: Choice, usual: Sequence[float]) -> Decision:
    given_up = layout.everything & ~choice.chosen
    skips: dict[str, str] = {}
    misfits = []
    for node in members(given_up):
        name = graph.handlers[node].name
        with_it = choice.chosen | layout.needed[node] & layout.everything
        end, slow = layout.makespan(with_it, usual), layout.makespan(with_it, choice.times)
        over, later = end - window.work, slow - window.work
        why = "with it what matters more is less likely to end in time"
        if over > 0:
            why = f"with it the plan ends at {end:.2f} s ({over:+.2f} s)"
        elif later > 0:
            why = f"with it the plan ends at {slow:.2f} s ({later:+.2f} s) when all takes long"
        reason = f"{name!r} will not fit: {why}"
        if not choice.extras >> node & 1:
            skips[name] = f"no room: {why}"
        elif over > 0:
            reason = f"{name!r} is expected to end {end:.2f} s after the notice; there are {window.work:.2f} s"
        misfits.append(Misfit(name, over if over > 0 else later, reason))
    chances = (
        {graph.handlers[node].name: choice.chances[node] for node in members(layout.everything)}
        if choice.chances
        else {}
    )
    extras = choice.extras & ~choice.chosen
    spare = frozenset(graph.handlers[node].name for node in members(extras))
    return Decision(skips, spare, tuple(misfits), tuple(layout.tails(choice.chosen, choice.times)), chances)
