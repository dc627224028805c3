"""What is taken for the time of a handler before it has run, as an estimate; loaded with what chooses."""

from __future__ import annotations

from .drain import DRAIN_DELAY
from .estimates import Estimate
from .handler import Handler
from .plan import guess
from .window import Window


def estimate_of(known: Estimate | float) -> Estimate:
    """Return a time that is certain as an estimate, and an estimate as it is."""
    return known if isinstance(known, Estimate) else Estimate.certain(known)


DELAY_SHARE = 0.5
"""What part of a short window the time in which everybody notices that traffic is left takes at most, by itself."""


def time_of(handler: Handler, window: Window, known: Estimate | None) -> Estimate:
    """Return how long *handler* takes in *window*, where that much is *known* of it."""
    usual = known or declared(handler, window)
    most = DELAY_SHARE * window.work
    if handler.name != DRAIN_DELAY or usual.times[-1] <= most:
        return usual
    return Estimate([min(time, most) for time in usual.times], usual.chances)


def declared(handler: Handler, window: Window) -> Estimate:
    """Return how long a handler takes that has never run: as its author says, else a guess; never its time-out."""
    estimate = None if handler.expected is None else Estimate.of((), handler.expected)
    return estimate or Estimate.certain(guess(handler, window))
