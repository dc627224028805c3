"""Scripts of what is said of the end."""

from __future__ import annotations

import signal

import pytest

from processender.core.notice import Action
from processender.testing.notices import Notices, span
from processender.testing.sequences import GITHUB, SequenceError


def test_the_lines_come_in_the_order_of_their_times() -> None:
    """However they were written down."""
    script = Notices().cut(5, at="10s").signal("TERM").drain(at=2).resume(at=3).announce("spot", within="2m", at=1)

    assert [0, 1, 2, 3, 10] == [line.at for line in script]
    assert ["SIGTERM", "spot", "drain", "resume", "cut"] == [line.cause for line in script]
    assert 5 == len(script)


def test_a_line_becomes_a_notice_of_its_instant() -> None:
    """With its deadline, or with its signal."""
    told, cut = (line.notice(100.0) for line in Notices().signal("SIGINT").cut("4s", at=1))

    assert (signal.SIGINT, None, "signals") == (told.signum, told.deadline, told.origin)
    assert (104.0, Action.STOP) == (cut.deadline, cut.action)


def test_a_platform_kills_at_the_end_of_its_sequence() -> None:
    """The kill is no notice."""
    script = Notices().platform(GITHUB)

    assert ([0.0, 7.5], 10.0) == ([line.at for line in script], script.killed_at)


def test_signals_can_be_sent_to_a_real_process() -> None:
    """With a kill behind them."""
    sequence = Notices().signal("INT").signal("INT", at=2).sequence(kill="9s")

    assert [(0.0, "INT"), (2.0, "INT"), (9.0, "KILL")] == [(step.at, step.signal) for step in sequence.steps]
    assert 10.0 == Notices().platform(GITHUB).sequence().window


def test_what_is_no_signal_cannot_be_sent() -> None:
    """A process hears of it from its platform."""
    with pytest.raises(SequenceError, match="cannot send 'spot' to a process"):
        Notices().announce("spot", within=5).sequence()


@pytest.mark.parametrize("text", ["soon", "-1s", "", "nan"])
def test_what_is_no_span_says_what_to_write(text: str) -> None:
    """A mistake in a test is found at once."""
    with pytest.raises(ValueError, match="is no span of time: write seconds"):
        span(text)


def test_a_span_is_a_number_or_a_text() -> None:
    """With a unit, or seconds."""
    assert [30.0, 30.0, 0.5, 90.0] == [span(each) for each in (30, "30", "500ms", "1m30s")]
