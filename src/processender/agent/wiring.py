"""From settings to an Ender: the one place where the parts of the agent become handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..bare import BareEnder
from ..core.handler import PHASES, Handler
from ..core.limits import cancel_grace
from ..core.plan import Plan
from ..demand import load
from ..engine.registry import Registry
from ..hints import Any
from ..ports import Observer
from ..settings import Settings as Told
from .builtin import COMMAND, DRAIN_DELAY, READINESS, builtin_handlers
from .settings import Settings

Calls = dict[str, Callable[..., Any]]


def build_ender(settings: Settings, name: str, calls: Calls, observers: Sequence[Observer]) -> BareEnder:
    """
    Return the Ender of *settings* with its handlers, not yet installed.

    Args:

        settings: What was decided.

        name: The name of the service.

        calls: What the agent's own handlers call, by their names.

        observers: What is told of every event.
    """
    told = Told(
        name=name,
        grace=settings.grace,
        signals=(),
        escalate=("SIGINT", "SIGQUIT"),
        displaced="never",
        theft="report",
        exit="return",
        state=None,
        observers=tuple(observers),
        version="",
        exporters=settings.exporters,
        in_front=True,
    )
    ender = BareEnder(Registry(PHASES, settings.lanes, settings.require), told)
    for handler in handlers_of(settings, calls):
        ender.add(handler)
    return ender


def handlers_of(settings: Settings, calls: Calls) -> list[Handler]:
    """Return the agent's own handlers and the configured ones, each with what it calls."""
    own = builtin_handlers(settings.drain_delay, settings.on_drain)
    made = [handler.replace(call=calls[handler.name], resume=calls.get(f"resume {handler.name}")) for handler in own]
    return [*made, *settings.handlers]


def tellers(settings: Settings, name: str) -> Sequence[Observer]:
    """Return who else is told of the service *name*, beside whoever reads standard error."""
    found: Sequence[Observer] = load("agent.tellers").make_tellers(settings.tell, name) if settings.tell else ()
    return found


def calls_of_nothing() -> Calls:
    """Return stand-ins for the agent's own handlers, for a plan that nobody carries through."""
    return dict.fromkeys((READINESS, DRAIN_DELAY, COMMAND), _nothing)


def command_budget(ender: BareEnder) -> float:
    """Return the seconds that the command will have from its stop signal to KILL."""
    return command_span(ender.plan())


def command_span(plan: Plan) -> float:
    """Return the seconds that the command will have in *plan* from its first step to KILL."""
    step = plan.steps[plan.graph.index[COMMAND]]
    span = max(0.0, step.latest - step.start)
    return span - cancel_grace(span)


def _nothing() -> None:
    """Do nothing."""
