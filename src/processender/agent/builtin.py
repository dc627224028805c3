"""The handlers that every agent has: readiness, the drain delay, and the command itself."""

from __future__ import annotations

from ..core.drain import COMMAND, DRAIN_DELAY, READINESS, drain_handlers
from ..core.handler import Handler, Importance

__all__ = ["COMMAND", "DRAIN_DELAY", "READINESS", "builtin_handlers"]


def builtin_handlers(drain_delay: float, on_drain: str) -> tuple[Handler, ...]:
    """
    Return the agent's own handlers in their order, still without what they call.

    Args:

        drain_delay: How long the command still serves after readiness has failed, seconds.

        on_drain: `fail-readiness` lets readiness fail first, `keep-serving` after the delay.
    """
    command = Handler(COMMAND, phase="quiesce", importance=Importance.MUST)
    return *drain_handlers(drain_delay, on_drain), command
