"""
How long a handler is going to take, learned from how long it took.

A process ends once in its life, so there are few samples, and the worst of them are cut short: of a handler that was
killed it is only known that it would have taken longer. Such a sample is *censored*. Left out, it halves the estimate;
taken as it is, it shortens it; the estimator of Kaplan and Meier uses what it says. Of n samples the k-th smallest
stands for the share k/(n+1): a share of n would promise too much.
"""

from __future__ import annotations

from _bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

from .record import Record

_NOTHING = 1e-9
"""What sums of shares may be off by."""
FEW = 5
"""From how many samples on what the author expected is no longer needed."""
_EXPECTED = (0.5, 1.0, 2.0)
"""What an author's word is worth: three samples, around it."""
_BEYOND = (1.1, 1.25, 1.4, 1.6, 1.8, 2.1, 2.5, 3.0)
"""Where one ends of which it is only known that it takes longer, in times of the longest that was seen."""


class Sample(Record):
    """How long a handler took in one run."""

    seconds: float
    """The seconds from its first step to its end."""
    censored: bool = False
    """Whether it was cut short, so that it would have taken longer."""
    size: float | None = None
    """How much it had to do, if it said so."""
    version: str = ""
    """The version of the service."""


class Estimate:
    """A time that is not known: points in order, each with the chance that it is not exceeded."""

    __slots__ = ("chances", "times")

    def __init__(self, times: Sequence[float], chances: Sequence[float]) -> None:
        """Take the points; the last one stands for all that is longer."""
        self.times = tuple(times)
        self.chances = tuple(chances)

    @classmethod
    def certain(cls, seconds: float) -> Estimate:
        """Return a time that is known."""
        return cls((seconds,), (1.0,))

    @classmethod
    def of(cls, samples: Iterable[Sample], expected: float | None = None, size: float | None = None) -> Estimate | None:
        """
        Return the estimate from *samples*, None if there is nothing to go by.

        Args:

            samples: How long it took before.

            expected: What its author expects, which counts while there are few samples.

            size: How much there is to do this time; samples that say how much they had are scaled to it.
        """
        found = [(sample.seconds, sample.censored) for sample in scaled(samples, size)]
        if expected is not None and len(found) < FEW:
            found += [(expected * factor, False) for factor in _EXPECTED]
        return cls(*_survival(found)) if found else None

    def quantile(self, share: float) -> float:
        """Return the seconds that it takes at most with the chance *share*."""
        return self.times[min(bisect_left(self.chances, share - _NOTHING), len(self.times) - 1)]

    def within(self, seconds: float) -> float:
        """Return the chance that it takes no longer than *seconds*."""
        if seconds >= self.times[-1]:
            return 1.0
        reached = bisect_right(self.times, seconds)
        return self.chances[reached - 1] if reached else 0.0

    def left(self, elapsed: float) -> Estimate:
        """Return the estimate of what is left when it has taken *elapsed* seconds and goes on."""
        first = bisect_right(self.times, elapsed)
        if first == len(self.times):
            # Beyond all that was ever seen: it may end at once, or take as long again and longer.
            step = max(elapsed, 1e-3)
            return Estimate([step * factor for factor in (0.25, 0.5, 1.0, 2.0)], (0.25, 0.5, 0.75, 1.0))
        gone = self.chances[first - 1] if first else 0.0
        rest = max(1e-9, self.chances[-1] - gone)
        return Estimate(
            [time - elapsed for time in self.times[first:]], [(each - gone) / rest for each in self.chances[first:]]
        )


def _survival(found: list[tuple[float, bool]]) -> tuple[list[float], list[float]]:
    """Return the points of the estimator of Kaplan and Meier, with one more at risk than there are."""
    found.sort()
    surviving, at_risk = 1.0, len(found)
    times: list[float] = []
    chances: list[float] = []
    for seconds, censored in found:
        if not censored:
            surviving *= at_risk / (at_risk + 1)
            times.append(seconds)
            chances.append(1.0 - surviving)
        at_risk -= 1
    longest, cut = found[-1]
    if cut:
        for number, factor in enumerate(_BEYOND, 1):
            times.append(longest * factor)
            chances.append(1.0 - surviving * (1.0 - number / len(_BEYOND)))
    return times, chances


def scaled(samples: Iterable[Sample], size: float | None) -> list[Sample]:
    """Return *samples* as they would have been with *size* to do, without those that do not say how much they had."""
    samples = list(samples)
    if size is None:
        return samples
    sized = [sample for sample in samples if sample.size]
    # A few of one kind are worth more than none; without any that tell, seconds are seconds.
    return [each.replace(seconds=each.seconds / each.size * size, size=size) for each in sized if each.size] or samples


def of_version(samples: Sequence[Sample], version: str) -> Sequence[Sample]:
    """Return the *samples* of this *version* when they are enough, else all: another version is better than nothing."""
    own = [sample for sample in samples if sample.version == version]
    return own if len(own) >= FEW else samples


def estimates_of(
    history: Mapping[str, Sequence[Sample]], expected: Mapping[str, float | None], version: str
) -> dict[str, Estimate]:
    """
    Return the estimate of each handler of which the *history* knows.

    Args:

        history: The samples by the names of handlers.

        expected: What the authors of the present handlers expect, by their names.

        version: The version of the service that runs now.
    """
    found = {}
    for name, says in expected.items():
        if history.get(name):
            estimate = Estimate.of(of_version(history[name], version), says)
            if estimate is not None:
                found[name] = estimate
    return found
