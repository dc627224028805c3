"""How much of a window is kept for the record and the flush, by what they took at earlier ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.core.estimates import FEW, Sample
from processender.core.handler import Handler
from processender.core.reserve import NAME, reserve, reserve_after
from processender.core.window import Window, usual_reserve
from processender.errors import HandlerError

QUICK, SLOW = [Sample(0.004)] * 40, [Sample(1.5)] * 20


@pytest.mark.parametrize(
    ("length", "needed", "few", "expected"),
    [
        (0.0, 1.0, False, 0.0),
        (0.3, 0.02, False, 0.02),
        (0.3, 0.001, False, 0.015),
        (0.3, 5.0, False, 0.075),
        (2.0, 0.012, False, 0.1),
        (2.0, 0.2, False, 0.2),
        (10.0, 0.012, False, 0.5),
        (30.0, 0.012, False, 1.0),
        (30.0, 4.5, False, 4.5),
        (30.0, 60.0, False, 7.5),
        (120.0, 0.012, False, 1.0),
        (120.0, 60.0, False, 10.0),
        (30.0, 0.012, True, 2.0),
        (30.0, 4.5, True, 4.5),
        (2.0, 0.012, True, 0.2),
    ],
)
def test_what_is_needed_is_kept_between_a_floor_and_a_ceiling(
    length: float, needed: float, few: bool, expected: float
) -> None:
    """At least half of what is usual, at most 10 s and a quarter; while few ends are known no less than usual."""
    assert pytest.approx(expected) == reserve(length, needed, few=few)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (QUICK, 1.0),
        (SLOW, 4.5),
        (QUICK[: FEW - 1], 2.0),
        (SLOW[:1], 4.5),
        ([*QUICK, Sample(1.5)], 1.0),
        ([*QUICK[:20], Sample(1.5)], 4.5),
        ([*QUICK, *SLOW], 4.5),
        ([*QUICK, Sample(1.0, censored=True)], 1.0),
        ([Sample(1.0, censored=True)], 7.5),
    ],
    ids=[
        "always quick",
        "always slow",
        "few and quick",
        "one and slow",
        "a bad day in forty",
        "in twenty",
        "half",
        "one cut",
        "only cut",
    ],
)
def test_the_reserve_of_thirty_seconds(samples: list[Sample], expected: float) -> None:
    """Three times what nearly every end took: bad news counts at once, good news when there is enough of it."""
    told = reserve_after(samples, "")

    assert told is not None
    assert pytest.approx(expected) == told(30.0)


@pytest.mark.parametrize("samples", [[], [*QUICK, *([Sample(1.0, censored=True)] * FEW)]], ids=["none", "never"])
def test_what_teaches_nothing_leaves_the_usual_reserve(samples: list[Sample]) -> None:
    """An observer that never comes back does not come back in more time either."""
    assert reserve_after(samples, "") is None


def test_the_ends_of_this_version_count_first() -> None:
    """As those of handlers do, once there are enough of them."""
    own = [Sample(0.004, version="2")] * FEW
    told = [reserve_after([*SLOW, *own[:count]], "2") for count in (FEW - 1, FEW)]

    assert [4.5, 1.0] == [pytest.approx(each(30.0)) for each in told if each is not None]


@given(
    st.lists(st.builds(Sample, st.floats(0, 1e5), censored=st.booleans()), max_size=70),
    st.floats(min_value=0.0, max_value=1e6),
)
def test_handlers_have_the_larger_part_of_every_window(samples: list[Sample], length: float) -> None:
    """Whatever was remembered, the slices stand in order and the handlers have nearly two thirds."""
    window = Window.open(1000.0, length, reserve_of=reserve_after(samples, ""))
    stations = [window.opened, window.soft, window.dump_at, window.kill_at, window.hard]

    assert sorted(stations) == stations
    assert window.work >= 0.65 * length - 1e-6


def test_without_a_teacher_it_is_what_it_was() -> None:
    """Two seconds, and a tenth of a short window."""
    assert [0.03, 2.0, 2.0] == [pytest.approx(usual_reserve(length)) for length in (0.3, 20.0, 3600.0)]


def test_no_handler_has_the_name_of_the_reserve() -> None:
    """So the history never takes one for the other."""
    with pytest.raises(HandlerError, match="must be printable"):
        Handler(NAME)
