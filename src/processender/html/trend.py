"""The trend: above, the share of the runs that ended clean; below, how many ended how; and what was marked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from ..archive.answers import ENDS, Mark, Overview
from .days import Column, columns
from .drawing import along, box, upright
from .markup import Markup, element
from .tables import folded, table
from .wording import ends, moment, percent, short, span

TOP, MIDDLE, LOW, BOTTOM, HEIGHT = 34, 138, 170, 254, 280
"""Where, from the top in pixels, the shares and the numbers begin and end, and the height of it all."""
FLAGS = 30
"""How many marks are drawn: the newest."""
_FLOORS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.0)
_SIGN = 7 / 960
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def trend(overview: Overview) -> Markup | None:
    """Return the trend of *overview*; None where it has no day."""
    unit, all_columns = columns(overview.days)
    if not all_columns:
        return None
    marks = [mark for mark in overview.marks if all_columns[0].begin <= mark.at < all_columns[-1].end][-FLAGS:]
    parts = [*_frame(all_columns), *_columns(all_columns, marks), *_shares(all_columns), *_flags(all_columns, marks)]
    drawing = element("svg", parts, width="100%", height=HEIGHT, aria_hidden="true")
    label = f"The trend by {unit}, with {len(all_columns)} columns. The arrow keys go from one to the next."
    chart = element("div", drawing, class_="chart trend", tabindex="0", role="group", aria_label=label)
    return element("div", chart, _as_table(unit, all_columns), _marked(overview.marks))


def floor(all_columns: Sequence[Column]) -> float:
    """Return the share at which the axis begins: a round one below the least of all columns."""
    least = min((each.counts.graceful for each in all_columns if each.counts.graceful is not None), default=1.0)
    return next(each for each in _FLOORS if each <= least)


def _y(share: float, least: float) -> float:
    return round(MIDDLE - (share - least) / (1 - least) * (MIDDLE - TOP), 1)


def _frame(all_columns: Sequence[Column]) -> list[Markup]:
    """Return the lines and the words of both axes."""
    least, most = floor(all_columns), _most(all_columns)
    levels = [(_y(share, least), f"{share * 100:.4g} %") for share in (least, (1 + least) / 2, 1.0)]
    levels += [(BOTTOM, "0"), (LOW, f"{most:,}")]
    titles = (("graceful", TOP - 15), ("runs", LOW - 11))
    parts = [element("text", words, x=-8, y=y, text_anchor="end", class_="axis") for words, y in titles]
    for y, words in levels:
        parts.append(element("line", x1="0%", x2="100%", y1=y, y2=y, class_="grid"))
        parts.append(element("text", words, x=-8, y=y + 4, text_anchor="end"))
    count = len(all_columns)
    shown = min(count, 7)
    for place in sorted({round(number * (count - 1) / max(shown - 1, 1)) for number in range(shown)}):
        name = _tick(all_columns[place])
        parts.append(element("text", name, x=along((place + 0.5) / count), y=HEIGHT - 6, text_anchor="middle"))
    return parts


def _most(all_columns: Sequence[Column]) -> int:
    return max(1, *(each.counts.runs for each in all_columns))


def _tick(column: Column) -> str:
    date = datetime.fromtimestamp(column.begin, UTC)
    return f"{_MONTHS[date.month - 1]} {date.year if len(column.name) == 7 else date.day}"


def _columns(all_columns: Sequence[Column], marks: Sequence[Mark]) -> list[Markup]:
    width, most = 1 / len(all_columns), _most(all_columns)
    parts = []
    for place, column in enumerate(all_columns):
        stack, foot = [box(place * width, width, TOP - 8, BOTTOM - TOP + 8, "hit")], float(BOTTOM)
        for verdict in ENDS:
            number = getattr(column.counts, verdict)
            if number:
                height = max(round(number / most * (BOTTOM - LOW), 1), 1.5)
                foot -= height
                stack.append(box((place + 0.14) * width, width * 0.72, round(foot, 1), height, f"v-{verdict}"))
        parts.append(element("g", stack, class_="column", data_tip=_about(column, marks)))
    return parts


def _about(column: Column, marks: Sequence[Mark]) -> str:
    inside = [mark for mark in marks if column.begin <= mark.at < column.end]
    marked = "".join(f"; {mark.kind} {short(mark.text)}" for mark in inside[:5])
    took = "" if column.p95_s is None else f"; p95 {span(column.p95_s)}"
    return f"{column.name}: {ends(column.counts) if column.counts.runs else 'no run'}{took}{marked}"


def _shares(all_columns: Sequence[Column]) -> list[Markup]:
    """Return the line of the shares; it leads over columns without a run."""
    least, count = floor(all_columns), len(all_columns)
    points = [
        (along((place + 0.5) / count), _y(each.counts.graceful, least))
        for place, each in enumerate(all_columns)
        if each.counts.graceful is not None
    ]
    lines = [
        element("line", x1=one[0], y1=one[1], x2=two[0], y2=two[1], class_="share") for one, two in pairwise(points)
    ]
    return [*lines, *(element("circle", cx=x, cy=y, r=2.4, class_="dot") for x, y in points)]


def _flags(all_columns: Sequence[Column], marks: Sequence[Mark]) -> list[Markup]:
    """Return a line for each mark, and its text where there is room beside the one before."""
    begin, length = all_columns[0].begin, all_columns[-1].end - all_columns[0].begin
    parts, free = [], 0.0
    for mark in sorted(marks, key=lambda each: each.at):
        at = (mark.at - begin) / length
        text = short(mark.text, 16)
        width = (len(text) + 2) * _SIGN
        parts.append(upright(at, TOP - 12, BOTTOM, f"mark {_kind(mark)}"))
        # At the right end it stands before its line.
        start = at - width if at + width > 1 else at
        if start >= free:
            where = {"dx": 4} if start == at else {"dx": -4, "text_anchor": "end"}
            parts.append(element("text", text, x=along(at), y=TOP - 15, class_=f"flag {_kind(mark)}", **where))
            free = start + width
    return parts


def _kind(mark: Mark) -> str:
    return "incident" if mark.kind == "incident" else "deployment"


def _as_table(unit: str, all_columns: Sequence[Column]) -> Markup:
    rows = [
        (
            element("th", each.name, scope="row"),
            f"{each.counts.runs:,}",
            percent(each.counts.graceful),
            *(f"{getattr(each.counts, verdict):,}" for verdict in ENDS),
            span(each.p95_s),
        )
        for each in reversed(all_columns)
    ]
    heads = (unit, ">runs", ">graceful", *(f">{verdict}" for verdict in ENDS), ">p95")
    return folded("The trend as a table", table(f"Runs by {unit}", heads, rows))


def _marked(marks: Sequence[Mark]) -> Markup | None:
    if not marks:
        return None
    rows = [
        (moment(each.at), each.kind, short(each.text, 200), short(each.service) if each.service else "all")
        for each in marks
    ]
    newest = list(reversed(rows))[:FLAGS]
    return folded(
        f"What was marked ({len(rows):,})",
        table("Marks, the newest first", ("when, UTC", "what", "which", "service"), newest),
    )
