"""Shares, how far they are known, and whether two differ."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from processender.archive.shares import Share, percent

COUNTS = some.integers(0, 1000).flatmap(lambda whole: some.tuples(some.integers(0, whole), some.just(whole)))


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)]
)
def test_the_bounds_are_those_of_wilson(part: int, whole: int, low: float, high: float) -> None:
    """The last ones are those of Newcombe's paper of 1998; of none, or all, they are no point."""
    assert pytest.approx((low, high), abs=1e-4) == Share(part, whole).bounds()


def test_the_gap_is_that_of_newcombe() -> None:
    """His example of 56 in 70 against 48 in 80: the difference of 0.2 is between 0.0524 and 0.3339."""
    assert pytest.approx(0.0524, abs=1e-4) == Share(48, 80).below(Share(56, 70), 1.96)


@given(COUNTS)
def test_the_share_is_within_its_bounds(counts: tuple[int, int]) -> None:
    """And these are shares."""
    share = Share(*counts)
    low, high = share.bounds()

    assert 0 <= low <= high <= 1
    assert not share.whole or low - 1e-9 <= share.value <= high + 1e-9


@given(COUNTS, COUNTS)
def test_of_two_shares_one_at_most_is_below_the_other(one: tuple[int, int], other: tuple[int, int]) -> None:
    """And by no more than they differ."""
    a, b = Share(*one), Share(*other)

    assert 0.0 in {a.below(b), b.below(a)}
    assert a.below(b) <= max(b.value - a.value, 0.0)


@given(COUNTS)
def test_what_was_never_counted_differs_from_nothing(counts: tuple[int, int]) -> None:
    """A version without runs is neither better nor worse."""
    assert (0.0, 0.0) == (Share(*counts).below(Share(0, 0)), Share(0, 0).below(Share(*counts)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"), (1.0, "100 %"), (0.5, "50.0 %"), (0.9996, "99.96 %"), (0.0004, "0.04 %"),
        (0.999999, "> 99.99 %"), (0.000001, "< 0.01 %"),
    ],
)  # fmt: skip
def test_what_is_not_all_is_not_shown_as_all(value: float, text: str) -> None:
    """One failure in a million runs is one."""
    assert text == percent(value)


def test_all_and_none_are_known_to_be_possible() -> None:
    """Whatever is lost in rounding."""
    assert all(1.0 == Share(n, n).bounds()[1] and 0.0 == Share(0, n).bounds()[0] for n in range(1, 500))


def test_more_is_never_shown_as_less() -> None:
    """From one share to the next."""
    shown = [float(percent(n / 10_000).removesuffix(" %").lstrip("<> ")) for n in range(10_001)]

    assert all(before <= after for before, after in pairwise(shown))
