"""Shares of runs, how far they are known, and whether two of them differ by more than chance."""

from __future__ import annotations

from math import sqrt

from ..core.record import Record

USUAL = 1.96
"""How many standard deviations a share that is shown is known within: so 19 of 20 are."""
SURE = 3.0
"""As many for what is said to differ: of a few dozen comparisons that are made by one look hardly one errs."""


class Share(Record):
    """A part of something that was counted."""

    part: int
    """How many were."""
    whole: int
    """Of how many."""

    @property
    def value(self) -> float:
        """The share, 0 to 1; 0.0 of nothing."""
        return self.part / self.whole if self.whole else 0.0

    def bounds(self, deviations: float = USUAL) -> tuple[float, float]:
        """Return between which two the true share is: Wilson's interval, which holds for few, and for rare ones."""
        if not self.whole:
            return 0.0, 1.0
        square = deviations * deviations / self.whole
        middle = (self.value + square / 2) / (1 + square)
        half = deviations * sqrt(self.value * (1 - self.value) / self.whole + square / (4 * self.whole)) / (1 + square)
        # Where it was none, or all, one end is known exactly, whatever is lost in rounding.
        low = max(0.0, middle - half) if self.part else 0.0
        return low, min(1.0, middle + half) if self.part < self.whole else 1.0

    def below(self, other: Share, deviations: float = SURE) -> float:
        """
        Return by how much this share is below the *other* at least; 0.0 where that may be chance.

        Of two of Wilson's intervals Newcombe made one of their difference; it holds for few and for rare ones, too.
        """
        if not (self.whole and other.whole):
            return 0.0
        gap = other.value - self.value
        _, high = self.bounds(deviations)
        low, _ = other.bounds(deviations)
        return max(0.0, gap - sqrt((high - self.value) ** 2 + (other.value - low) ** 2))


def percent(value: float) -> str:
    """Return the share *value* in per cent; one that is not all, or not none, is not shown as if it were."""
    exact = value <= 0 or value >= 1
    decimals = 0 if exact else 1 if 0.001 <= value <= 0.999 else 2
    if not exact and not 0.0001 <= value <= 0.9999:
        return "> 99.99 %" if value > 0.5 else "< 0.01 %"
    return f"{100 * value:.{decimals}f} %"
