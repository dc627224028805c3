"""Whether traffic is to come, and the time that everybody has to notice that it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from processender.engine.delay import drain_delay


class Attempt:
    """The attempt of the handler `drain-delay`."""

    cause = "SIGTERM"

    def __init__(self, seconds: float) -> None:
        self.remaining = lambda: seconds
        self.notes: list[str] = []
        self.note = self.notes.append

    def on_cancel(self, _function: Callable[[], object]) -> None:
        """Never give way."""


@pytest.mark.parametrize(
    ("seconds", "left", "notes"),
    [
        (5.0, 27.0, []),
        (5.0, 10.0, []),
        (5.0, 1.7, ["0.8 s instead of 5 s, for the time is short"]),
        (0.5, 1.7, []),
        (24.0, 30.0, []),
        (24.0, 10.0, ["8.9 s instead of 24 s, for the time is short"]),
    ],
)
def test_the_delay_takes_its_part_of_a_short_window(seconds: float, left: float, notes: list[str]) -> None:
    """Half of it, or the part of the grace that it was meant to take; a delay that is shortened is told."""
    attempt = Attempt(left)
    drain_delay(seconds, 30.0, lambda over: over())(attempt)

    assert notes == attempt.notes
