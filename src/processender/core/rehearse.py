"""A run of a plan in which everything takes as long as expected and nothing is called."""

from __future__ import annotations

import heapq

from .commands import Start
from .events import Event
from .plan import Plan
from .reports import Began, Report, Returned
from .run import Run


def rehearse(plan: Plan) -> list[Event]:
    """Walk *plan* from the opening of its window and return the events that a run without surprises would make."""
    run = Run(plan, lambda: 0.0)
    expected = {step.handler: step.finish - step.start for step in plan.steps}
    events: list[Event] = []
    coming: list[tuple[float, int, Report]] = []
    reports: list[Report] = []
    now, number = plan.window.opened, 0
    while True:
        commands, happened = run.advance(now, reports)
        events.extend(happened)
        for command in commands:
            if isinstance(command, Start):
                name = command.handler.name
                number += 2
                heapq.heappush(coming, (now, number, Began(name, command.attempt, now)))
                end = now + expected[name]
                heapq.heappush(coming, (end, number + 1, Returned(name, command.attempt, end)))
        times = [coming[0][0]] if coming else []
        if run.wake_at is not None:
            times.append(run.wake_at)
        if run.finished or not times:
            return events
        now, reports = min(times), []
        while coming and coming[0][0] <= now:
            reports.append(heapq.heappop(coming)[2])
