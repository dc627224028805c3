"""How a target becomes a handler: the time that it has."""

from __future__ import annotations

import pytest

from processender.core.handler import Handler
from processender.errors import HandlerError
from processender.leaving import EXPECTED_S, LEAST_S, drainer
from processender.patience import evidence
from processender.testing.clock import VirtualClock
from tests.unit.test_patience import noting


def made(wait: float, **more: float | None) -> Handler:
    """Return a drainer that waits for so long."""
    given = {"timeout": None} | more
    return drainer("a", lambda: None, wait=wait, **given)  # type: ignore[arg-type]


def test_it_has_the_time_that_its_evidence_needs() -> None:
    """The wait for the evidence leaves a tenth of an attempt, and what is waited before counts too."""
    for wait, more in ((0.0, 0.0), (5.0, 5.0), (120.0, 30.0)):
        clock = VirtualClock()
        ctx = noting(clock, (made(wait, more=more).timeout or 0.0) - more)
        evidence(ctx, lambda at=clock: at.advance(1), "it is used", wait=wait, every=0.001)  # type: ignore[misc]

        assert [f"it is used after {wait:.1f} s, and it goes on"] == ctx.notes


def test_a_short_one_has_time_to_ask() -> None:
    """A target may be slow to answer, though nothing is waited for."""
    assert LEAST_S == made(0.0).timeout


def test_its_time_is_what_its_caller_says() -> None:
    """And it is never expected to take more."""
    assert (0.5, 0.5) == (made(60.0, timeout=0.5).timeout, made(60.0, timeout=0.5).expected)
    assert (EXPECTED_S, 7.0) == (made(60.0).expected, made(60.0, expected=7.0).expected)


@pytest.mark.parametrize("wait", [-1.0, float("inf"), float("nan"), "5s", None, True])
def test_times_that_are_none_are_refused(wait: object) -> None:
    """With what they are."""
    with pytest.raises(HandlerError, match=r"cannot drain 'a': wait=.* must be seconds from 0 up, at most a week"):
        made(wait)  # type: ignore[arg-type]


def test_only_what_comes_back_outlasts_the_process() -> None:
    """The next process could not take it back."""
    assert (False, True) == (made(1.0).lasting, drainer("a", print, print, wait=1.0, timeout=None).lasting)
