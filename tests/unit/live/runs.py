"""Runs in virtual time, for the tests of what is shown of them."""

from __future__ import annotations

from typing import Any

from processender.core.events import RunEnded, RunStarted
from processender.core.handler import Handler
from processender.core.notice import Notice
from processender.core.outcome import verdict
from processender.core.retry import Retry
from processender.live.course import Course
from processender.testing.simulate import Script, Simulation, make_plan

HANDLERS = (
    Handler("stop-intake", phase="drain"),
    Handler("warn", phase="drain"),
    Handler("flush-orders", phase="flush", timeout=20.0, retry=Retry(attempts=4), needs=("stop-intake",)),
    Handler("audit", phase="commit", after=("flush-orders",)),
    Handler("close-pool", phase="close"),
)
SCRIPT: Script = {
    "stop-intake": 0.3,
    "warn": ValueError("bad"),
    "flush-orders": [OSError("broker away"), OSError("broker slow"), 5.0],
}


def course_at(now: float, handlers: tuple[Handler, ...] = HANDLERS, script: Script = SCRIPT) -> dict[str, Any]:
    """Return the course of a run of *handlers* at the instant *now*; it begins at 0 and has 30 s."""
    plan = make_plan(handlers, 30.0)
    simulation = Simulation(plan, script, lambda: 0.5)
    simulation.carry_through()
    course = Course()
    course.take(RunStarted(0.0, "run-1", Notice("SIGTERM", "signals", 0.0, sender="process 7 of user 0"), plan))
    for event in simulation.events:
        if event.at <= now:
            course.take(event)
    if simulation.now <= now:
        judged = verdict(simulation.results.values())
        course.take(RunEnded(simulation.now, "run-1", judged, simulation.now))
    return course.whole()
