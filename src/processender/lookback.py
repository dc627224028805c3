"""What earlier runs took, wired to the plans: for an Ender that is armed, and for somebody who only wants to know."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .core.drain import OWN
from .core.handler import Handler
from .core.plan import Plan
from .demand import load
from .engine.clock import series
from .engine.coordinator import Coordinator
from .engine.registry import Registry
from .hints import Any
from .settings import Settings
from .telemetry.report import ReportWriter
from .telemetry.state import HISTORY, file_name, state_root


def look_back(path: str, version: str, registry: Registry, coordinator: Coordinator, report: ReportWriter) -> None:
    """Let *registry* learn from the history at *path*, if there is a path, and *report* go on with it."""
    coordinator.kept = report.learn(load("telemetry.planned"))
    history, troubles = known(path, registry)
    registry.learn(history, version)
    for trouble in troubles:
        coordinator.trouble("history", trouble)


def known(path: str, registry: Registry, *, put_aside: bool = True) -> tuple[dict[str, list[Any]], list[str]]:
    """Return the history at *path*, behind the one that *registry* was given, and what is wrong with them."""
    histories = load("telemetry.history")
    history, trouble = histories.read(path, put_aside=put_aside) if path else ({}, "")
    shipped, other = histories.received(registry.shipped) if registry.shipped is not None else ({}, "")
    return histories.joined(shipped, history), [each for each in (other, trouble) if each]


def forecast(
    settings: Settings, registry: Registry, window: float | None, more: Sequence[Handler] = ()
) -> tuple[Plan, str]:
    """
    Return the best plan for *window* seconds (the grace if None), with the chance of each handler, from what is known.

    The handlers that are to come, *more*, are part of it. The history is only looked at; what is wrong with it comes
    second.
    """
    root = settings.state or state_root(os.environ)
    path = os.path.join(root, file_name(settings.place_name), HISTORY)
    history, troubles = known(path, registry, put_aside=False)
    registry.learn(history, settings.version, more)
    graph, problems = registry.compile(more)
    opened = registry.window(settings.grace if window is None else window)
    plan = registry.planner.plan(graph, opened, registry.estimates, None, series(), problems, thorough=True)
    told = any(each.expected is not None and each.name not in OWN for each in graph.handlers)
    if not plan.chances and (registry.estimates or told):
        plan = plan.replace(chances=load("core.deciding").odds_of(plan, series()))
    return plan, "; ".join(troubles)
