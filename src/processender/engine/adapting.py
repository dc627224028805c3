"""The plan of a run that is on: made when it begins, when its window moves, and when it surprises."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.events import Event
from ..core.plan import Plan, Progress
from ..core.reports import Report
from ..core.run import Review, Run
from ..core.window import Window
from ..demand import load
from ..hints import Any
from ..ports import Clock
from .clock import series
from .registry import Registry


class Adapting:
    """Belongs to the control thread, as the run does."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        """Plan the handlers of *registry*."""
        self._registry = registry
        self._clock = clock
        self._surprises: Any = None

    @property
    def wake_at(self) -> float | None:
        """When the run must be looked at at the latest."""
        return None if self._surprises is None else self._surprises.wake_at

    def plan(self, window: Window, run: Run | None) -> Plan:
        """Return the plan for *window*, from where *run* stands if it has begun."""
        if run is None:
            return self._registry.plan(window)
        return self._registry.plan(window, _inside(run.progress(self._clock.now()), run, window), run.plan)

    def begin(self) -> None:
        """Follow a run from now on; of times of which nothing is known, nothing can be a surprise."""
        self._surprises = load("core.surprise").Surprises(series()) if self._registry.informed else None

    def review(self, run: Run) -> Review | None:
        """Return what looks at what happens to *run*, and tells it what to do otherwise; None where nobody looks."""
        surprises = self._surprises
        if surprises is None or run.held:
            return None
        window = run.plan.window

        def make(progress: Progress, before: Plan) -> Plan:
            return self._registry.plan(window, progress, before)

        def review(now: float, events: Sequence[Event]) -> list[Report]:
            told: list[Report] = surprises.follow(now, run, events, make)
            return told

        return review


def _inside(progress: Progress, run: Run, window: Window) -> Progress:
    """Return *progress* with times from the opening of *window*, which may be another than the run's."""
    shift = run.plan.window.opened - window.opened
    if not shift:
        return progress
    ended = {name: max(0.0, at + shift) for name, at in progress.ended.items()}
    running = {name: at + shift for name, at in progress.running.items()}
    return progress.replace(ended=ended, running=running, now=max(0.0, progress.now + shift))
