"""How a window is cut into its slices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.core.notice import Deadline, DeadlineKind
from processender.core.window import Window

LENGTHS = st.floats(min_value=0.0, max_value=1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("length", "soft", "reserve", "margin"),
    [
        (0.0, 0.0, 0.0, 0.0),
        (1.0, 0.8, 0.1, 0.05),
        (5.0, 4.0, 0.5, 0.25),
        (10.0, 8.0, 1.0, 0.5),
        (20.0, 17.0, 2.0, 0.5),
        (30.0, 27.0, 2.0, 0.5),
        (120.0, 117.0, 2.0, 0.5),
    ],
)
def test_the_slices(length: float, soft: float, reserve: float, margin: float) -> None:
    """The reserve is at most 2 s and a tenth, a margin at most 0.5 s and a twentieth."""
    window = Window.open(0.0, length)

    assert pytest.approx((soft, reserve, margin, length)) == (window.soft, window.reserve, window.margin, window.hard)


def test_a_window_of_one_second() -> None:
    """Handlers have 0.8 s; the stacks are written at 0.9 s, the alarm comes at 0.95 s."""
    window = Window.open(100.0, 1.0)

    assert pytest.approx((100.8, 100.9, 100.95, 101.0)) == (window.soft, window.dump_at, window.kill_at, window.hard)


def test_a_deadline_that_has_passed_leaves_an_empty_window() -> None:
    """Nothing is negative."""
    window = Window.of(Deadline(100.0, 90.0, DeadlineKind.TOLD))

    assert (100.0, 100.0, 0.0, 0.0) == (window.soft, window.hard, window.length, window.work)


def test_the_kind_of_the_deadline_is_kept() -> None:
    """The report says how the end is known."""
    assert DeadlineKind.TOLD is Window.of(Deadline(0.0, 10.0, DeadlineKind.TOLD)).kind


@given(LENGTHS)
def test_the_slices_stand_in_order(length: float) -> None:
    """Whatever the length: opened, soft, dump, kill, hard."""
    window = Window.open(1000.0, length)
    stations = [window.opened, window.soft, window.dump_at, window.kill_at, window.hard]

    assert sorted(stations) == stations


@given(LENGTHS)
def test_handlers_have_at_least_four_fifths(length: float) -> None:
    """What is kept back is at most a fifth."""
    window = Window.open(0.0, length)

    assert window.work >= 0.8 * length - 1e-9
