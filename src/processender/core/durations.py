"""How long each handler is taken to last: measured, else declared, else a guess, and never its time-out."""

from __future__ import annotations

from collections.abc import Mapping

from .estimates import Estimate
from .handler import Handler, Importance
from .window import Window

GUESS_S = 0.5
GUESS_SHARE = 0.02
RESERVE_S = 1.0
RESERVE_SHARE = 0.1
"""What is kept free for a `must` of which nobody has said how long it takes, seconds at most and of the window."""
USUAL = 0.5
"""Half of all cases: the expected time of what has run before."""
SELDOM = 0.95
"""The share of cases that a plan with room to spare has room for."""


def estimate_of(known: Estimate | float) -> Estimate:
    """Return a time that is certain as an estimate, and an estimate as it is."""
    return known if isinstance(known, Estimate) else Estimate.certain(known)


def seldom(handler: Handler, window: Window, known: Estimate | None) -> float:
    """Return the seconds that *handler* seldom exceeds; a guess stands for itself."""
    if known is not None:
        return known.quantile(SELDOM)
    if handler.expected is not None:
        return 2.0 * handler.expected
    return _guess(handler, window)


def declared(handler: Handler, window: Window) -> Estimate:
    """Return how long a handler takes that has never run: as its author says, else a guess; never its time-out."""
    estimate = None if handler.expected is None else Estimate.of((), handler.expected)
    return estimate or Estimate.certain(seldom(handler, window, None))


def expected(handler: Handler, window: Window, known: Mapping[str, Estimate]) -> float:
    """Return how long *handler* is expected to take: measured, else declared, else a guess, and never its time-out."""
    if handler.name in known:
        return known[handler.name].quantile(USUAL)
    if handler.expected is not None:
        return handler.expected
    return _guess(handler, window)


def _guess(handler: Handler, window: Window) -> float:
    # A time-out is a limit: were all of it kept free for a `must`, all that comes before would be skipped.
    most, share = (RESERVE_S, RESERVE_SHARE) if handler.importance is Importance.MUST else (GUESS_S, GUESS_SHARE)
    guess = min(most, share * window.work)
    return guess if handler.timeout is None else min(guess, handler.timeout)
