"""A circuit breaker."""

from __future__ import annotations

import pytest

from processender.core.breaker import Breaker, BreakerState


def failed(times: int, at: float = 0.0) -> Breaker:
    """Return a breaker that has seen so many failures."""
    breaker = Breaker(threshold=3, cooldown=5.0)
    for _ in range(times):
        breaker.failure(at)
    return breaker


@pytest.mark.parametrize(
    ("failures", "now", "expected"),
    [
        (0, 0.0, BreakerState.CLOSED),
        (2, 0.0, BreakerState.CLOSED),
        (3, 0.0, BreakerState.OPEN),
        (3, 4.999, BreakerState.OPEN),
        (3, 5.0, BreakerState.HALF_OPEN),
    ],
)
def test_the_state_after_failures(failures: int, now: float, expected: BreakerState) -> None:
    """It opens at the threshold and lets a probe through after the cool-down."""
    assert expected is failed(failures).state(now)


def test_a_closed_breaker_lets_everything_through() -> None:
    """Failures below the threshold change nothing."""
    assert failed(2).allow(0.0)


def test_an_open_breaker_lets_nothing_through() -> None:
    """The dependency is left alone."""
    assert not failed(3).allow(1.0)


def test_only_the_first_caller_becomes_the_probe() -> None:
    """One call tries it out, the others wait for its result."""
    breaker = failed(3)

    assert [True, False, False] == [breaker.allow(6.0) for _ in range(3)]


def test_a_success_closes_it() -> None:
    """The probe has answered."""
    breaker = failed(3)
    breaker.allow(6.0)
    breaker.success()

    assert BreakerState.CLOSED is breaker.state(6.0)


def test_a_failed_probe_opens_it_anew() -> None:
    """The cool-down begins again at the failure."""
    breaker = failed(3)
    breaker.allow(6.0)
    breaker.failure(7.0)

    assert BreakerState.OPEN is breaker.state(11.9)


def test_failures_count_in_a_row_only() -> None:
    """A success between them begins the count anew."""
    breaker = failed(2)
    breaker.success()
    breaker.failure(0.0)

    assert BreakerState.CLOSED is breaker.state(0.0)
