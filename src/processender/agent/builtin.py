"""The handlers that every agent has: readiness, the drain delay, and the command itself."""

from __future__ import annotations

from ..core.handler import Handler, Importance

READINESS = "readiness"
DRAIN_DELAY = "drain-delay"
COMMAND = "command"


def builtin_handlers(drain_delay: float, on_drain: str) -> tuple[Handler, ...]:
    """
    Return the agent's own handlers in their order, still without what they call.

    Args:

        drain_delay: How long the command still serves after readiness has failed, seconds.

        on_drain: `fail-readiness` lets readiness fail first, `keep-serving` after the delay.
    """
    first, then = (READINESS, DRAIN_DELAY) if on_drain == "fail-readiness" else (DRAIN_DELAY, READINESS)
    readiness = Handler(READINESS, phase="drain", expected=0.0)
    delay = Handler(DRAIN_DELAY, phase="drain", expected=drain_delay, timeout=drain_delay + 1.0)
    pair = {READINESS: readiness, DRAIN_DELAY: delay}
    command = Handler(COMMAND, phase="quiesce", importance=Importance.MUST)
    return pair[first], pair[then].replace(after=(first,)), command
