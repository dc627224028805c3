"""The handlers that an Ender has of its own, and the two of them by which everything that serves leaves traffic."""

from __future__ import annotations

from .handler import Handler

READINESS = "readiness"
DRAIN_DELAY = "drain-delay"
WAY_BACK = "way-back"
INFLIGHT = "inflight"
BODY = "body"
OWN = {
    READINESS: "says that no traffic is to come any more",
    DRAIN_DELAY: "gives everybody the time to notice that",
    WAY_BACK: "lets nobody leave traffic before what an earlier process has left behind is taken back",
    INFLIGHT: "waits for work in progress",
    BODY: "asks the application, or its server, to stop, and waits for it",
}
"""The handlers that an Ender adds itself when it is entered, or serves, and what each of them does."""
COMMAND = "command"
"""The handler by which an agent asks its command to end."""
CALL_NOTHING = frozenset((*OWN, COMMAND))
"""Those that call nothing outside the process, so that what a call needs is not loaded for them."""


def drain_handlers(delay: float, on_drain: str) -> tuple[Handler, Handler]:
    """
    Return the two in their order, still without what they call.

    Args:

        delay: How long requests are still served so that everybody can notice, seconds.

        on_drain: `fail-readiness` lets readiness fail first, `keep-serving` after the delay.
    """
    first, then = (READINESS, DRAIN_DELAY) if on_drain == "fail-readiness" else (DRAIN_DELAY, READINESS)
    readiness = Handler(READINESS, phase="drain", expected=0.0)
    waiting = Handler(DRAIN_DELAY, phase="drain", expected=delay)
    pair = {READINESS: readiness, DRAIN_DELAY: waiting}
    return pair[first], pair[then].replace(after=(first,))
