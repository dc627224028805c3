"""How long a handler is going to take, learned from how long it took."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.core.estimates import Estimate, Sample, estimates_of, of_version, scaled

SECONDS = st.floats(0.001, 1000.0)
SAMPLES = st.lists(st.builds(Sample, SECONDS, st.booleans()), min_size=1, max_size=64)


def of(*seconds: float, cut: tuple[float, ...] = (), expected: float | None = None) -> Estimate:
    """Return the estimate from samples that took so long, and from those that were *cut*."""
    samples = [Sample(each) for each in seconds] + [Sample(each, censored=True) for each in cut]
    found = Estimate.of(samples, expected)
    assert found is not None
    return found


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 5.0), (0.9, 9.0), (0.95, 9.0), (0.1, 1.0), (0.05, 1.0)])
def test_the_kth_of_n_stands_for_k_of_n_plus_one(share: float, seconds: float) -> None:
    """A share of n would promise too much."""
    assert seconds == of(*map(float, range(1, 10))).quantile(share)


def test_nothing_gives_no_estimate() -> None:
    """Neither samples nor the word of an author."""
    assert Estimate.of(()) is None


def test_the_word_of_an_author_counts_as_three() -> None:
    """Around it, since nobody knows better."""
    estimate = of(expected=2.0)

    assert (1.0, 2.0, 4.0) == estimate.times


def test_an_author_is_no_longer_heard_when_there_are_five() -> None:
    """History knows better."""
    assert 1.0 == of(*[1.0] * 5, expected=100.0).quantile(0.95)


def test_an_author_is_still_heard_when_there_are_four() -> None:
    """Four may be luck."""
    assert 200.0 == of(*[1.0] * 4, expected=100.0).quantile(0.95)


def test_what_was_cut_short_would_have_taken_longer() -> None:
    """Half of all were cut at 1 s, so the upper quantiles lie beyond all that was seen."""
    assert of(*[0.5] * 10, cut=(1.0,) * 10).quantile(0.9) > 1.0


def test_what_was_cut_shorter_than_others_says_nothing_of_them() -> None:
    """A run that was killed early does not make a handler quick."""
    assert 5.0 == of(*[5.0] * 10, cut=(0.1, 0.2, 0.3)).quantile(0.5)


def test_all_cut_is_still_an_estimate() -> None:
    """Longer than the longest."""
    assert 2.5 == of(cut=(1.0, 2.0)).quantile(0.2)


def test_censoring_is_made_up_for() -> None:
    """Cut at six tenths of the true p90, the estimate is near it; left out, it would be half."""
    chance = random.Random(3)
    estimates = []
    true = sorted(chance.lognormvariate(0, 0.5) for _ in range(20_000))[18_000]
    for _ in range(200):
        drawn = [chance.lognormvariate(0, 0.5) for _ in range(40)]
        samples = [Sample(min(each, 0.6 * true), each > 0.6 * true) for each in drawn]
        found = Estimate.of(samples)
        assert found is not None
        estimates.append(found.quantile(0.9) / true)

    assert 0.75 <= sorted(estimates)[100] <= 1.6


@given(SAMPLES)
def test_chances_only_grow(samples: list[Sample]) -> None:
    """And so do the times."""
    estimate = Estimate.of(samples)
    assert estimate is not None

    assert (sorted(estimate.times), sorted(estimate.chances)) == (list(estimate.times), list(estimate.chances))
    assert 0.0 < estimate.chances[0] <= estimate.chances[-1] <= 1.0


@given(SAMPLES, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_greater_share_takes_no_less(samples: list[Sample], one: float, other: float) -> None:
    """Quantiles are in order."""
    estimate = Estimate.of(samples)
    assert estimate is not None

    assert estimate.quantile(min(one, other)) <= estimate.quantile(max(one, other))


@given(SAMPLES, SECONDS)
def test_there_is_always_something_left(samples: list[Sample], elapsed: float) -> None:
    """Also beyond all that was ever seen."""
    estimate = Estimate.of(samples)
    assert estimate is not None
    left = estimate.left(elapsed)

    assert 0.0 < left.quantile(0.0) <= left.quantile(1.0)
    assert 1.0 == pytest.approx(left.chances[-1])


def test_what_is_left_is_what_the_longer_ones_took() -> None:
    """Less what is over."""
    assert (1.0, 2.0) == of(1.0, 2.0, 3.0, 4.0).left(2.0).times


def test_beyond_everything_it_may_take_as_long_again() -> None:
    """And longer."""
    assert (2.5, 5.0, 10.0, 20.0) == of(1.0).left(10.0).times


def test_samples_that_say_how_much_are_scaled() -> None:
    """By the unit; the others do not count then."""
    samples = [Sample(1.0, size=10), Sample(3.0, size=10), Sample(99.0)]

    assert [10.0, 30.0] == [each.seconds for each in scaled(samples, 100)]


def test_without_any_that_says_how_much_seconds_are_seconds() -> None:
    """A size alone tells nothing."""
    assert [99.0] == [each.seconds for each in scaled([Sample(99.0)], 100)]


def test_samples_of_this_version_count_alone_when_they_are_five() -> None:
    """Another version is better than nothing, and worse than this one."""
    old, new = [Sample(9.0, version="1")] * 9, [Sample(1.0, version="2")]

    assert (10, 5) == (len(of_version(old + new, "2")), len(of_version(old + new * 5, "2")))


def test_only_present_handlers_have_estimates() -> None:
    """And only those of which something is known."""
    found = estimates_of({"a": [Sample(1.0)], "gone": [Sample(1.0)], "none": []}, {"a": None, "none": 1.0}, "")

    assert ["a"] == list(found)


def test_the_chance_to_end_within_a_time() -> None:
    """Of nothing before the first, of all behind the last."""
    estimate = of(1.0, 2.0, 3.0)

    assert (0.0, 0.25, 0.5, 1.0) == tuple(estimate.within(each) for each in (0.5, 1.0, 2.5, 3.0))
