"""How a target becomes a handler: what the functions that leave traffic have in common, their time above all."""

from __future__ import annotations

from collections.abc import Callable

from .core.handler import DRAIN, Handler
from .core.retry import Retry
from .core.spans import LONGEST_S
from .errors import HandlerError
from .hints import Any

RETRY = Retry(attempts=3, initial=0.2)
"""What may pass is tried again at once: the end does not wait."""
EXPECTED_S = 1.0
"""How long it usually takes, seconds: a target that is well tells soon."""
LEAST_S = 10.0
"""The shortest time that it has unless its caller says otherwise, seconds: a slow target may take that to answer."""
MARGIN_S = 2.0
"""What it has for its requests beside the wait for the evidence, seconds."""
_SHARE = 0.9
"""How much of an attempt may be spent on evidence, see `patience.evidence`."""


def drainer(
    name: str,
    leave: Callable[..., Any],
    come_back: Callable[..., Any] | None = None,
    *,
    wait: float,
    timeout: float | None,
    more: float = 0.0,
    expected: float = EXPECTED_S,
    lasting: bool = True,
) -> Handler:
    """
    Return the handler that leaves traffic; raise `HandlerError` for times that are none.

    Args:

        name: Its name.

        leave: What leaves traffic, and waits for the evidence.

        come_back: What comes back, if there is a way back.

        wait: The longest it waits for the evidence, seconds.

        timeout: The longest it may take in all, seconds; by default as long as the evidence needs, and a margin.

        more: The longest that it waits beside the evidence, seconds.

        expected: How long it usually takes, seconds.

        lasting: Whether what it does outlasts the process, if there is a way back.
    """
    for what, seconds in (("wait", wait), ("propagation", more)):
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_S:
            raise HandlerError(f"cannot drain {name!r}: {what}={seconds!r} must be seconds from 0 up, at most a week")
    if timeout is None:
        timeout = min(LONGEST_S, max(LEAST_S, wait / _SHARE + more + MARGIN_S))
    lasts = lasting and come_back is not None
    return Handler(
        name, leave, phase=DRAIN, timeout=timeout, expected=min(expected, timeout), retry=RETRY,
        resume=come_back, lasting=lasts,
    )  # fmt: skip
