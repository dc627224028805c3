"""Faults of a network, as text and as data."""

from __future__ import annotations

import pytest

from processender.faults.line import OPEN, FaultError, Line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", OPEN),
        ("reset", Line("reset")),
        ("reset after=1024", Line("reset", after=1024)),
        ("latency=200ms, jitter=50ms", Line(latency=0.2, jitter=0.05)),
        ("half-open gone=client", Line("half-open", gone="client")),
        ("slow-close=1.5s black-hole", Line("black-hole", slow_close=1.5)),
    ],
)
def test_a_line_is_read_from_its_text(text: str, line: Line) -> None:
    """A state and settings, in any order, apart by spaces or commas."""
    assert line == Line.parse(text)


@pytest.mark.parametrize("text", ["rest", "latency=soon", "after=-1", "after=many", "gone=both half-open", "speed=9"])
def test_what_is_no_line_is_refused(text: str) -> None:
    """A mistyped fault never passes for no fault."""
    with pytest.raises(FaultError, match=r"fault|line|gone"):
        Line.parse(text)


def test_nothing_arrives_before_it_was_sent() -> None:
    """A time below zero is refused."""
    with pytest.raises(FaultError, match="before it was sent"):
        Line(latency=-1.0)
