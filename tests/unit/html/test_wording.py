"""Numbers, spans of time and dates as the page says them."""

from __future__ import annotations

import pytest

from processender.archive.answers import Counts
from processender.html.wording import ends, moment, percent, short, span


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"),
        (0.99999, "> 99.99 %"),
        (0.9995, "99.95 %"),
        (0.9866, "98.7 %"),
        (0.0, "0 %"),
        (None, "\N{EN DASH}"),
    ],
)
def test_what_is_not_whole_is_never_shown_as_whole(share: float | None, text: str) -> None:
    """One that was killed among ten thousand is what is looked for."""
    assert text == percent(share)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"), (0.0042, "4 ms"), (0.0994, "99 ms"), (0.0996, "0.10 s"), (0.994, "0.99 s"), (9.994, "9.99 s"), (9.996, "10.0 s"), (59.94, "59.9 s"),
        (59.96, "1 min"), (90, "1 min 30 s"), (7380, "2 h 3 min"), (None, "\N{EN DASH}"), (float("inf"), "\N{EN DASH}"),
    ],
)  # fmt: skip
def test_a_span_of_time_has_the_unit_that_fits(seconds: float | None, text: str) -> None:
    """And never more digits than count."""
    assert text == span(seconds)


@pytest.mark.parametrize("at", [0.0, -1e9, 1e18, float("nan"), float("inf")])
def test_a_date_beyond_all_calendars_is_none(at: float) -> None:
    """A clock may be wrong."""
    assert "\N{EN DASH}" == moment(at)


def test_a_date_is_of_utc() -> None:
    """Nodes stand in many zones."""
    assert "2026-09-01 00:00:01" == moment(1788220801)


def test_a_name_that_was_not_told_is_said_to_be_so() -> None:
    """An empty cell would be a riddle; a long one is cut."""
    assert ("not told", "x" * 45 + "...") == (short(""), short("x" * 10_000))


def test_how_runs_ended_is_said_in_one_line() -> None:
    """Those that ended clean are the rest."""
    assert "4 runs, 50 % graceful; 1 degraded, 1 killed" == ends(Counts(4, 2, 1, 0, 1)).replace("50.0", "50")
