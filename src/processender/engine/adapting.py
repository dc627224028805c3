"""The plan of a run that is on, made anew when it surprises; loaded where anything is known of the handlers' times."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.events import Event
from ..core.plan import Plan, Progress
from ..core.reports import Report
from ..core.run import Review, Run
from ..core.surprise import Surprises
from .clock import series
from .registry import Registry


class Adapting:
    """Follows one run. Belongs to the control thread, as the run does."""

    def __init__(self, registry: Registry) -> None:
        """Plan the handlers of *registry*."""
        self._registry = registry
        self._surprises = Surprises(series())

    @property
    def wake_at(self) -> float | None:
        """When the run must be looked at at the latest."""
        return self._surprises.wake_at

    def review(self, run: Run) -> Review | None:
        """Return what looks at what happens to *run*, and tells it what to do otherwise; None where nobody looks."""
        if run.held:
            return None
        window = run.plan.window

        def make(progress: Progress, before: Plan) -> Plan:
            return self._registry.plan(window, progress, before)

        def review(now: float, events: Sequence[Event]) -> list[Report]:
            return self._surprises.follow(now, run, events, make)

        return review
