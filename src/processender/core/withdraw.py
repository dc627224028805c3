"""Taking back what has run: what is to be undone, and in which order."""

from __future__ import annotations

from .graph import compile_graph
from .handler import Handler, Importance
from .outcome import Result
from .plan import Plan
from .planner import Planner
from .window import Window


def undo_plan(plan: Plan, results: dict[str, Result], planner: Planner, window: Window) -> Plan | None:
    """
    Return the plan that undoes, one after the other and in reverse, what has run of *plan*; None if nothing can be.

    Args:

        plan: What was being carried through.

        results: How its handlers have ended.

        planner: What makes plans.

        window: The time that it may take.
    """
    begun = [handler for handler in plan.graph.handlers if _began(results.get(handler.name))]
    begun.sort(key=lambda handler: results[handler.name].ended, reverse=True)
    undone: list[Handler] = []
    for handler in begun:
        if handler.resume is not None:
            undone.append(
                Handler(
                    f"resume {handler.name}",
                    handler.resume,
                    phase=handler.phase,
                    after=(undone[-1].name,) if undone else (),
                    importance=Importance.MUST,
                )
            )
    if not undone:
        return None
    graph, problems = compile_graph(undone, plan.graph.phases[::-1])
    return planner.plan(graph, window, problems=problems)


def _began(result: Result | None) -> bool:
    return result is not None and result.started is not None
