"""The columns of a trend."""

from __future__ import annotations

import pytest

from processender.archive.answers import Counts, Group
from processender.html.days import MOST, columns


def day(name: str, runs: int = 1) -> Group:
    """Return a day with *runs*, all of them clean."""
    return Group(name, Counts(runs, runs), 1.0, 2.0)


def test_a_day_without_a_run_has_its_column() -> None:
    """Else the time would run unevenly."""
    unit, found = columns([day("2026-11-01"), day("2026-11-03", 2)])

    assert ("day", [1, 0, 2]) == (unit, [each.counts.runs for each in found])
    assert [2.0, None, 2.0] == [each.p95_s for each in found]


@pytest.mark.parametrize(
    ("last", "unit", "runs"),
    [("2026-04-10", "day", [1, 1]), ("2026-04-11", "week", [1, 1]), ("2027-12-01", "week", [1, 1]), ("2029-01-01", "month", [1, 1])],
)  # fmt: skip
def test_many_days_are_drawn_as_weeks_and_very_many_as_months(last: str, unit: str, runs: list[int]) -> None:
    """No run is lost in it."""
    found_unit, found = columns([day("2026-01-01"), day(last)])

    assert (unit, runs) == (found_unit, [each.counts.runs for each in found if each.counts.runs])
    assert len(found) <= MOST + 25


def test_columns_are_without_a_gap() -> None:
    """Each begins where the one before has ended."""
    for last in ("2026-03-01", "2026-09-01", "2035-01-01"):
        _unit, found = columns([day("2026-01-31"), day(last)])
        assert [each.end for each in found[:-1]] == [each.begin for each in found[1:]]


@pytest.mark.parametrize("name", ["(others)", "", "0001-01-01", "9999-12-31", "2026-13-01"])
def test_what_is_no_day_has_no_column(name: str) -> None:
    """As where a clock was wrong by thousands of years."""
    assert ("day", ["2026-11-01"]) == (
        (found := columns([day("2026-11-01"), day(name)]))[0],
        [each.name for each in found[1]],
    )


def test_of_a_clock_that_was_wrong_by_decades_the_newest_ten_years_are_drawn() -> None:
    """The page stays a page."""
    _unit, found = columns([day("1970-01-02"), day("2026-11-01")])

    assert 100 <= len(found) <= 125
    assert 1 == sum(each.counts.runs for each in found)


def test_without_a_day_there_is_no_column() -> None:
    """Nothing is drawn then."""
    assert ("day", ()) == columns([])
