"""When a failed attempt is repeated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.core.retry import Retry
from processender.errors import HandlerError, Permanent, Transient

FAR = 1e9


def middle() -> float:
    """Draw one half."""
    return 0.5


class PermanentTimeout(Permanent, TimeoutError):
    """Of a kind that is repeated, and yet not to be."""


@pytest.mark.parametrize("error", [OSError(), ConnectionResetError(), TimeoutError(), Transient()], ids=repr)
def test_a_transient_error_is_repeated(error: BaseException) -> None:
    """By default these may pass."""
    assert Retry().may_pass(error)


@pytest.mark.parametrize(
    "error", [TypeError(), ValueError(), KeyboardInterrupt(), SystemExit(), GeneratorExit(), Permanent()], ids=repr
)
def test_a_bug_or_a_refusal_is_not_repeated(error: BaseException) -> None:
    """Another attempt would not cure it."""
    assert not Retry().may_pass(error)


def test_a_cancellation_is_not_repeated() -> None:
    """Who was cancelled is not started again."""
    import asyncio

    assert not Retry().may_pass(asyncio.CancelledError())


def test_a_named_exception_is_repeated() -> None:
    """`on` replaces the default."""
    assert Retry(on=(KeyError,)).may_pass(KeyError("x"))


def test_what_is_not_named_is_not_repeated() -> None:
    """`on` replaces the default."""
    assert not Retry(on=(KeyError,)).may_pass(OSError())


def test_permanent_wins_over_its_other_base() -> None:
    """An error that says it is permanent is not repeated, whatever else it is."""
    assert not Retry().may_pass(PermanentTimeout())


def test_one_attempt_means_no_retry() -> None:
    """The default is one attempt."""
    assert Retry().next_start(OSError(), 1, 0.0, FAR, middle) is None


def test_the_last_attempt_is_not_repeated() -> None:
    """`attempts` counts them all."""
    assert Retry(attempts=3).next_start(OSError(), 3, 0.0, FAR, middle) is None


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 0.1), (2, 0.2), (3, 0.4), (6, 3.2), (7, 5.0), (10_000, 5.0)])
def test_the_ceiling_doubles_up_to_the_maximum(attempt: int, ceiling: float) -> None:
    """Exponential backoff, and no overflow after ten thousand attempts."""
    assert pytest.approx(ceiling) == Retry(attempts=10_001).ceiling(attempt)


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_the_jitter_stays_between_zero_and_the_ceiling(attempt: int, chance: float) -> None:
    """Full jitter."""
    retry = Retry(attempts=300)

    assert 0.0 <= retry.pause(attempt, lambda: chance) <= retry.ceiling(attempt)


def test_the_pause_is_drawn() -> None:
    """Half the chance is half the ceiling."""
    assert pytest.approx(10.05) == Retry(attempts=2).next_start(OSError(), 1, 10.0, FAR, middle)


def test_retry_after_is_the_least_pause() -> None:
    """The other side's wish counts where it is longer than the draw."""
    error = Transient("busy", retry_after=3.0)

    assert 13.0 == Retry(attempts=2).next_start(error, 1, 10.0, FAR, middle)


def test_the_draw_counts_where_it_is_longer_than_retry_after() -> None:
    """The other side is never asked before its time, and not all come at that time."""
    error = Transient("busy", retry_after=0.01)

    assert pytest.approx(10.05) == Retry(attempts=2).next_start(error, 1, 10.0, FAR, middle)


def test_retry_after_beyond_the_time_left_is_no_retry() -> None:
    """There is no room to wait so long."""
    error = Transient("busy", retry_after=30.0)

    assert Retry(attempts=2).next_start(error, 1, 10.0, 20.0, middle) is None


def test_a_retry_that_just_fits_is_made() -> None:
    """The latest start is included."""
    assert 20.0 == Retry(attempts=2, initial=0.0).next_start(OSError(), 1, 20.0, 20.0, middle)


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 1, exclude_max=True))
def test_no_retry_starts_beyond_the_time_left(now: float, until: float, chance: float) -> None:
    """Whatever the jitter."""
    start = Retry(attempts=9).next_start(OSError(), 4, now, until, lambda: chance)

    assert start is None or now <= start <= until


def test_the_worst_case_is_all_attempts_and_all_pauses() -> None:
    """Three attempts of 2 s and the two longest pauses."""
    assert pytest.approx(6.3) == Retry(attempts=3).worst_case(2.0)


@given(st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_no_draw_exceeds_the_worst_case(attempts: int, chance: float) -> None:
    """The planner may rely on it."""
    retry = Retry(attempts=attempts)
    drawn = attempts * 1.0 + sum(retry.pause(n, lambda: chance) for n in range(1, attempts))

    assert drawn <= retry.worst_case(1.0) + 1e-9


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"attempts": 0}, "attempts=0"),
        ({"initial": -1.0}, "initial=-1"),
        ({"initial": 6.0}, "initial <= maximum"),
        ({"maximum": float("inf")}, "maximum=inf"),
        ({"initial": float("nan")}, "initial=nan"),
        ({"factor": 0.5}, "factor=0.5"),
        ({"factor": 101.0}, "factor=101"),
        ({"factor": float("nan")}, "factor=nan"),
    ],
)
def test_an_absurd_policy_is_refused(options: dict[str, Any], text: str) -> None:
    """The error names the number."""
    with pytest.raises(HandlerError, match=text):
        Retry(**options)


@pytest.mark.parametrize("field", ["attempts", "initial", "maximum", "factor"])
def test_a_number_that_is_text_is_refused_by_name(field: str) -> None:
    """Times in Python are seconds, not text with a unit."""
    with pytest.raises(HandlerError, match=f"cannot retry with {field}='5s'"):
        Retry(**{field: "5s"})  # type: ignore[arg-type]
