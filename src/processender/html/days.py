"""The days of an overview as columns of a trend: all of them, or weeks or months where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from ..archive.answers import Counts, Group
from ..core.record import Record

MOST = 100
"""How many columns are drawn."""
_LONGEST = 3700
"""How many days are looked at: of a clock that is wrong, the newest ten years."""


class Column(Record):
    """The runs of one day, week or month."""

    name: str
    """What it is called."""
    begin: float
    """When it begins, seconds since 1970."""
    end: float
    """When it ends."""
    counts: Counts
    """How the runs ended."""
    p95_s: float | None = None
    """How long all but a twentieth of them took at most; None where it is not known, as of a week."""


def columns(days: Sequence[Group]) -> tuple[str, tuple[Column, ...]]:
    """Return what a column stands for, `day`, `week` or `month`, and the columns without a gap, the oldest first."""
    found = {day: group for group in days if (day := _date(group.name)) is not None}
    if not found:
        return "day", ()
    last = max(found)
    first = max(min(found), last - timedelta(days=_LONGEST))
    length = (last - first).days + 1
    unit = "day" if length <= MOST else "week" if length <= 7 * MOST else "month"
    begins, begin = [], _begin(first, unit)
    while begin <= last:
        begins.append(begin)
        begin = _next(begin, unit)
    return unit, tuple(_column(each, _next(each, unit), unit, found) for each in begins)


def _column(begin: date, end: date, unit: str, found: dict[date, Group]) -> Column:
    span = [begin + timedelta(days=number) for number in range((end - begin).days)]
    groups = [found[day] for day in span if day in found]
    alone = groups[0] if unit == "day" and groups else None
    name = {"day": f"{begin}", "week": f"the week of {begin}", "month": f"{begin:%Y-%m}"}[unit]
    total = _total(groups)
    return Column(name, _seconds(begin), _seconds(end), total, alone.p95_s if alone else None)


def _total(groups: Sequence[Group]) -> Counts:
    return Counts(*(sum(getattr(group.counts, field) for group in groups) for field in Counts.fields))


def _begin(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _next(begin: date, unit: str) -> date:
    if unit == "month":
        return (begin + timedelta(days=32)).replace(day=1)
    return begin + timedelta(days=7 if unit == "week" else 1)


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _date(name: str) -> date | None:
    """Return the day that *name* says; None for what is none, or so far away that a clock was wrong."""
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9000 else None
