"""
When a run makes a new plan, and whom it asks to give way before the time.

Theory of operation. A run is not surprised by what the plan has counted with: a handler that ends between the quarter
and the three quarters of its times, one that is skipped. It is by a failure, by an end outside that, and by a handler
that goes on when nineteen in twenty have ended. Then it is planned anew from where the run stands, and the plan is
adopted only if it keeps others than the one before.

To be late is no crime: when all is slow, who cuts the slow ends with nothing. A late handler gives way only if selected
work waits for it that is worth more than itself and can still end in time without it. Both futures are carried through
on the same scenarios, with it and without it, and the one that keeps more wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .deciding import is_kept, lay_out
from .durations import time_of
from .estimates import Estimate
from .events import AttemptStarted, Event, HandlerEnded, Sized
from .outcome import Outcome, Result
from .plan import Plan, Progress
from .planner import MOST_FOLLOWED
from .portfolio import scenarios, score
from .reports import Adopted, Late, Report
from .run import Run
from .schedule import members

EARLY, LATE, TOO_LATE = 0.25, 0.75, 0.95
_AGAIN = 1.5
"""When a late handler is looked at again, in times of what it has taken."""
_SCENARIOS = 48


class Surprises:
    """Follows one run. Pure: it reads no clock."""

    def __init__(self, chance: Callable[[], float]) -> None:
        """Take what gives a number in [0, 1)."""
        self._chance = chance
        self._started: dict[str, float] = {}
        self._look_at: dict[str, float] = {}
        self._late: set[str] = set()

    @property
    def wake_at(self) -> float | None:
        """When `follow` must be called at the latest; None if only an event can be a surprise."""
        return min(self._look_at.values(), default=None)

    def follow(
        self, now: float, run: Run, events: Sequence[Event], make: Callable[[Progress, Plan], Plan]
    ) -> list[Report]:
        """
        Take what has happened to *run* up to the instant *now*, and return what it is to be told.

        Args:

            now: The time.

            run: What is followed.

            events: What has happened since the last call.

            make: Makes a plan from where the run stands, instead of the one that it has.
        """
        told = [self._saw(event, run.plan) for event in events]
        passed = [name for name, at in self._look_at.items() if at <= now]
        for name in passed:
            self._late.add(name)
            elapsed = max(now - self._started[name], 1e-3)
            self._look_at[name] = now + elapsed * (_AGAIN - 1.0)
        if not (passed or any(told)) or len(run.plan.graph.handlers) > MOST_FOLLOWED:
            return []
        reports: list[Report] = []
        progress, plan = run.progress(now), run.plan
        if passed or "late" in told or "sized" in told or _gives_up(plan, progress):
            made = make(progress, plan)
            if "sized" in told:
                self._look_anew(made)
            if "sized" in told or _differs(made, plan, progress):
                reports.append(Adopted(made))
                plan = made
        late = [name for name in sorted(self._late) if name in progress.running]
        return [*reports, *in_the_way(plan, progress, late, self._chance)] if passed else reports

    def _look_anew(self, plan: Plan) -> None:
        """Look at who runs when *plan*, which knows how much there is to do, says that it is late."""
        for name in self._look_at:
            estimate = known(plan, name)
            if estimate is not None and name not in self._late:
                self._look_at[name] = self._started[name] + estimate.quantile(TOO_LATE)

    def _saw(self, event: Event, plan: Plan) -> str:
        """Return `early`, `late` or `sized` for what the plan has not counted with, else nothing."""
        if isinstance(event, Sized):
            return "sized"
        if isinstance(event, AttemptStarted):
            estimate = known(plan, event.handler)
            if estimate is not None and event.handler not in self._started:
                self._started[event.handler] = event.at
                self._look_at[event.handler] = event.at + estimate.quantile(TOO_LATE)
        elif isinstance(event, HandlerEnded):
            self._look_at.pop(event.result.handler, None)
            self._late.discard(event.result.handler)
            return _judge(event.result, known(plan, event.result.handler))
        return ""


def known(plan: Plan, name: str) -> Estimate | None:
    """Return what *plan* knows of the time of the handler *name*: measured, or declared by its author."""
    if name in plan.estimates or name not in plan.graph.index:
        return plan.estimates.get(name)
    handler = plan.graph.handlers[plan.graph.index[name]]
    return None if handler.expected is None else Estimate.of((), handler.expected)


def _judge(result: Result, estimate: Estimate | None) -> str:
    if result.outcome is Outcome.SKIPPED:
        return ""
    if result.outcome is not Outcome.DONE:
        return "late"
    if estimate is None or estimate.quantile(EARLY) <= result.seconds <= estimate.quantile(LATE):
        return ""
    return "early" if result.seconds < estimate.quantile(EARLY) else "late"


def _gives_up(plan: Plan, progress: Progress) -> bool:
    """Tell whether *plan* gives up, or leaves to luck, anything that could still be kept."""
    return any(name not in progress.ended for name in (*plan.skips, *plan.spare))


def _differs(made: Plan, plan: Plan, progress: Progress) -> bool:
    """Tell whether *made* keeps others than *plan* of those that have not begun."""
    open_ = [h.name for h in plan.graph.handlers if h.name not in progress.ended and h.name not in progress.running]
    return any((name in made.skips, name in made.spare) != (name in plan.skips, name in plan.spare) for name in open_)


def in_the_way(plan: Plan, progress: Progress, late: Sequence[str], chance: Callable[[], float]) -> list[Report]:
    """Return who of the *late* is to give way to what is worth more than itself and can still end in time."""
    graph = plan.graph
    found: list[Report] = []
    for name in late:
        node = graph.index.get(name)
        if node is None or (not plan.graph.successors[node] and graph.handlers[node].lane is None):
            continue
        with_it = lay_out(graph, plan.lanes, plan.window, progress)
        without = lay_out(graph, plan.lanes, plan.window, _without(progress, name))
        times = [_remaining(plan, progress, handler.name) for handler in graph.handlers]
        drawn = scenarios(with_it, times, chance, _SCENARIOS)
        kept = sum(1 << n for n, h in enumerate(graph.handlers) if is_kept(plan, h.name)) | with_it.running
        goes_on, _ = score(with_it, kept & with_it.everything, 0, drawn)
        gives_way, chances = score(without, kept & without.everything, 0, drawn)
        if gives_way > goes_on:
            waiting = [
                graph.handlers[each].name
                for each in members(kept & without.everything & ~without.running)
                if chances[each]
            ]
            found.append(Late(name, f"late, and in the way of {', '.join(waiting[:5])}"))
            progress = _without(progress, name)
    return found


def _without(progress: Progress, name: str) -> Progress:
    running = {other: began for other, began in progress.running.items() if other != name}
    return progress.replace(
        running=running, ended={**progress.ended, name: progress.now}, failed=progress.failed | {name}
    )


def _remaining(plan: Plan, progress: Progress, name: str) -> Estimate:
    handler = plan.graph.handlers[plan.graph.index[name]]
    estimate = time_of(handler, plan.window, known(plan, name))
    began = progress.running.get(name)
    return estimate if began is None else estimate.left(progress.now - began)
