"""What the manager of the unit is told of a run: one sentence for each step."""

from __future__ import annotations

from ..core.events import AttemptStarted, Event, PlanChanged, RunStarted, Waiting
from ..integrations.systemd.status import status_of
from .alarms import Alarms
from .unit import Unit


class Status:
    """An observer that lets the main thread tell the manager."""

    def __init__(self, unit: Unit, alarms: Alarms) -> None:
        """Take who tells, and the way to the main thread."""
        self._unit = unit
        self._alarms = alarms

    def observe(self, event: Event) -> None:
        """Tell of one event."""
        unit = self._unit
        match event:
            case RunStarted(plan=plan):
                until, text = plan.window.hard, status_of(event)
                self._alarms.soon(lambda: unit.ending(until, text))
            case PlanChanged(plan=plan):
                until = plan.window.hard
                self._alarms.soon(lambda: unit.ending(until, ""))
            case AttemptStarted() | Waiting():
                text = status_of(event)
                self._alarms.soon(lambda: unit.status(text))
            case _:
                return
