"""Many counts in one number."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.archive.buckets import ONE, lanes, pack, quantile, step, unpack

TIMES = st.lists(st.floats(2e-6, 1e5), min_size=1, max_size=200)


@given(TIMES, st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_right_within_a_twentieth(times: list[float], share: float) -> None:
    """Of whatever times."""
    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    found = quantile(sum(ONE[step(each)] for each in times), share)

    assert found == pytest.approx(exact, rel=0.0501)


@given(TIMES)
def test_what_is_packed_comes_back(times: list[float]) -> None:
    """Without a count lost."""
    number = sum(ONE[step(each)] for each in times)

    assert number == unpack(pack(number))
    assert len(times) == sum(lanes(number))


def test_a_quantile_moves_little_with_one_more_run() -> None:
    """What grows by a hundredth is not to look as if it had jumped."""
    times = [ONE[step(1.0 + n / 1000)] for n in range(1000)]
    found = [quantile(sum(times[:count]), 0.5) or 0.0 for count in range(500, 1000, 50)]
    growth = [after / before for before, after in pairwise(found)]

    assert max(growth) < 1.03
    assert min(growth) > 1.0


def test_nothing_has_no_quantile() -> None:
    """And is packed, too."""
    assert quantile(0, 0.5) is None
    assert unpack(pack(0)) == 0


def test_what_takes_no_time_takes_none() -> None:
    """And what takes years is in the last step."""
    assert quantile(ONE[step(0.0)], 0.95) == 0.0
    assert len(ONE) - 1 == step(1e14)
