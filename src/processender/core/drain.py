"""The two handlers by which everything that serves leaves traffic: readiness fails, and the rest is given time."""

from __future__ import annotations

from .handler import Handler

READINESS = "readiness"
DRAIN_DELAY = "drain-delay"
WAY_BACK = "way-back"
"""The handler that lets nobody leave traffic before what an earlier process has left behind is taken back."""


def drain_handlers(delay: float, on_drain: str) -> tuple[Handler, Handler]:
    """
    Return the two in their order, still without what they call.

    Args:

        delay: How long requests are still served so that everybody can notice, seconds.

        on_drain: `fail-readiness` lets readiness fail first, `keep-serving` after the delay.
    """
    first, then = (READINESS, DRAIN_DELAY) if on_drain == "fail-readiness" else (DRAIN_DELAY, READINESS)
    readiness = Handler(READINESS, phase="drain", expected=0.0)
    waiting = Handler(DRAIN_DELAY, phase="drain", expected=delay, timeout=delay + 1.0)
    pair = {READINESS: readiness, DRAIN_DELAY: waiting}
    return pair[first], pair[then].replace(after=(first,))
