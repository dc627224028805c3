"""How the runs went, on a terminal: the graceful share, its trend, what differs, and tables of what is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..archive.answers import ENDS, Counts, Entry, Group, HandlerAnswer, Mark, Overview
from ..archive.days import DAY_S, day_of, instant_at, instant_of
from ..archive.sentences import sentences, share
from ..archive.shares import percent
from ..core.texts import counted
from ..screen import MOST, Line, Screen, side_by_side
from .columns import Cell, Column, table_lines
from .report_last import COLOURS, seconds_text

_LEVELS = "▁▂▃▄▅▆▇█"
_ROWS = 8
"""How many rows a table of this page has at most; `--json` and `--csv` have all."""
_WIDE = 60
_DAY = 4
"""How wide a day of the trend is at most."""
GOOD, FAIR = 0.99, 0.9
"""From which graceful share on it is shown as good, and as fair."""
_NOTHING_S = 0.01
"""A difference of times that is none."""
_MARKS = {"deployment": ("▲", "^"), "incident": ("✗", "x")}


def overview_lines(overview: Overview, screen: Screen) -> Iterator[Line]:
    """Give the lines that show *overview*."""
    yield from _head(overview, screen)
    yield ()
    yield from _trend(overview, screen)
    yield from _told(overview, screen)
    if len(overview.services) > 1:
        yield from _groups("service", overview.services, screen)
    yield from _handlers(overview, screen)
    for kind, groups in (
        ("cause", overview.causes),
        ("version", overview.versions),
        ("zone", overview.zones),
        ("deployment", overview.deployments),
    ):
        if len(groups) > 1 or any(each.name for each in groups):
            yield from _groups(kind, groups, screen)
    yield from _recent(overview.recent, screen)
    for text in overview.troubles:
        yield ()
        yield from (((line, "yellow"),) for line in screen.wrapped(text, "trouble: ", "  "))


def title(overview: Overview) -> str:
    """Return whose runs these are."""
    names = [each.name for each in overview.services]
    if overview.question.service:
        return overview.question.service
    return names[0] if len(names) == 1 else f"{len(names)} services"


def _head(overview: Overview, screen: Screen) -> Iterator[Line]:
    counts = overview.counts
    texts = [
        counted(counts.runs, "shutdown"),
        f"{instant_of(overview.first)[:16]} to {instant_of(overview.last)[:16]} UTC",
    ]
    asked = [f"{name} {text}" for name in ("version", "zone", "cause") if (text := getattr(overview.question, name))]
    yield ((screen.cut(title(overview), screen.width), "bold"),)
    yield from (((line, "dim"),) for line in screen.wrapped(", ".join([*asked, *texts])))
    yield ()
    found = share(counts)
    low, high = found.bounds()
    text = percent(found.value) if counts.runs else "-"
    width = min(40, screen.width - len(text) - 14)
    bar = _bar(found.value, width, screen) if width >= 8 and counts.runs else ()
    yield (("  graceful  ", ""), (f"{text}  ", f"bold {_colour(found.value)}"), *bar)
    if counts.runs:
        sure = f"95 % sure: {percent(low)} to {percent(high)}"
        yield from (((line, "dim"),) for line in screen.wrapped(sure, " " * min(12, screen.width // 4), "    "))
    yield from _verdicts(overview, screen)


def _verdicts(overview: Overview, screen: Screen) -> Iterator[Line]:
    """Say how many ended how, and how long they took."""
    counts, names = overview.counts, (*ENDS, "cancelled")
    parts = [(f"{getattr(counts, name)} {name}", COLOURS[name]) for name in names if getattr(counts, name)]
    if len(overview.services) == 1 and overview.services[0].p50_s is not None:
        p50, p95 = overview.services[0].p50_s, overview.services[0].p95_s
        parts.append((f"p50 {seconds_text(p50)}", "bold"))
        parts += [] if p95 is None else [(f"p95 {seconds_text(p95)}", "bold")]
    yield from side_by_side(parts, screen, "  ")


def _bar(value: float, width: int, screen: Screen) -> Line:
    full = round(value * width)
    full = min(max(full, value > 0), width - (value < 1))
    return ((screen.pick("█", "#") * full, _colour(value)), (screen.pick("░", "-") * (width - full), "dim"))


def _colour(value: float) -> str:
    return "green" if value >= GOOD else "yellow" if value >= FAIR else "red"


def _trend(overview: Overview, screen: Screen) -> Iterator[Line]:
    """Show each day as a block, as high as its share, and what was marked below it."""
    label = "  by day    " if screen.width >= _WIDE else "  "
    room = screen.width - len(label) - (16 if screen.width >= _WIDE else 0)
    days = _filled(overview.days)[-room:]
    if len(days) < 2:
        yield from _named(overview.marks, 2, screen)
        if overview.marks:
            yield ()
        return
    wide = max(min(_DAY, room // len(days)), 1)
    cells = [
        (sign * max(wide - (wide > 2), 1) + " " * (wide > 2), style)
        for sign, style in (_day(each, screen) for each in days)
    ]
    ends = f"  {days[0].name[5:]} to {days[-1].name[5:]}" if screen.width >= _WIDE else ""
    yield ((label, ""), *cells, (ends, "dim"))
    yield from _marked(overview.marks, {each.name: place * wide for place, each in enumerate(days)}, len(label), screen)
    yield ()


def _marked(marks: Sequence[Mark], places: Mapping[str, int], indent: int, screen: Screen) -> Iterator[Line]:
    """Draw the *marks* below the days at their *places*, and name the last of them."""
    shown = [each for each in marks if day_of(each.at) in places]
    row = [" "] * (max(places.values()) + 1)
    for each in shown:
        row[places[day_of(each.at)]] = screen.pick(*_MARKS.get(each.kind, ("·", ".")))
    if shown:
        yield ((" " * indent + "".join(row), "blue"),)
    yield from _named(shown, indent, screen)


def _named(marks: Sequence[Mark], indent: int, screen: Screen) -> Iterator[Line]:
    """Name the last of the *marks*, those that several services share on one day only once."""
    whose: dict[tuple[str, str, str], list[str]] = {}
    for each in marks:
        whose.setdefault((day_of(each.at)[5:], each.kind, each.text), []).append(each.service)
    for (day, kind, text), services in list(whose.items())[-_ROWS:]:
        sign = screen.pick(*_MARKS.get(kind, ("·", ".")))
        known = {service for service in services if service}
        of = f" of {known.pop()}" if len(known) == 1 else f" of {len(known)} services" if known else ""
        yield ((screen.cut(f"{' ' * indent}{sign} {day} {kind} {text}{of}", screen.width), "blue"),)


def _filled(days: Sequence[Group]) -> list[Group]:
    """Return the *days* with those between them on which nothing ended, as far as there are not too many."""
    known = {each.name: each for each in days}
    try:
        numbers = [int(instant_at(name) // DAY_S) for name in known]
    except ValueError:
        return list(days)
    if not numbers or max(numbers) - min(numbers) > 2 * MOST:
        return list(days)
    names = [day_of(DAY_S * number) for number in range(min(numbers), max(numbers) + 1)]
    return [known.get(name) or Group(name, Counts()) for name in names]


def _day(day: Group, screen: Screen) -> tuple[str, str]:
    if not day.counts.runs:
        return screen.pick("·", "."), "dim"
    value = share(day.counts).value
    # Most days are good: the lower half of the scale is for what hardly ever happens.
    level = min(int(max(value - 0.5, 0.0) * 2 * len(_LEVELS)), len(_LEVELS) - 1)
    return (_LEVELS[level] if screen.signs else str(min(int(value * 10), 9))), _colour(value)


def _told(overview: Overview, screen: Screen) -> Iterator[Line]:
    for each in sentences(overview):
        sign = "! " if each.bad else "- "
        for number, line in enumerate(screen.wrapped(each.text, f"  {sign}", "    ")):
            yield ((line[:4], "bold red" if each.bad and not number else ""), (line[4:], ""))


def _groups(kind: str, groups: Sequence[Group], screen: Screen) -> Iterator[Line]:
    heads = [
        Column(f"by {kind}", right=False), Column("runs"), Column("graceful"), Column("", right=False, rank=5),
        Column("killed", rank=3), Column("p50", rank=4), Column("p95", rank=2),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for each in groups[:_ROWS]:
        value = share(each.counts).value
        shown: Cell = (percent(value), _colour(value)) if each.counts.runs else "-"
        bar = "".join(text for text, _ in _bar(value, 12, screen)) if each.counts.runs else ""
        times = [_seconds(each.p50_s), _seconds(each.p95_s)]
        rows.append(
            [each.name or "(not told)", str(each.counts.runs), shown, (bar, _colour(value)), _some(each.counts), *times]
        )
    yield ()
    yield from table_lines(heads, rows, screen)
    yield from _more(len(groups), kind)


def _some(counts: Counts) -> Cell:
    return (str(counts.killed), "red") if counts.killed else ""


def _more(number: int, kind: str) -> Iterator[Line]:
    if number > _ROWS:
        yield ((f"  and {counted(number - _ROWS, f'other {kind}')}: --json has all", "dim"),)


def _handlers(overview: Overview, screen: Screen) -> Iterator[Line]:
    if not overview.handlers:
        return
    heads = [
        Column("slowest handlers", right=False), Column("p95"), Column("p50", rank=4), Column("change", rank=2),
        Column("runs", rank=5), Column("skipped", rank=3), Column("timed out", rank=3), Column("failed", rank=3),
        Column("retries", rank=6),
    ]  # fmt: skip
    many = len(overview.services) > 1
    rows = [_handler(each, many=many) for each in overview.handlers[:_ROWS]]
    yield ()
    yield from table_lines(heads, rows, screen)
    yield from _more(len(overview.handlers), "handler")


def _handler(each: HandlerAnswer, *, many: bool) -> list[Cell]:
    cut = each.outcomes.get("timed_out", 0) + each.outcomes.get("abandoned", 0)
    counts = (each.outcomes.get("skipped", 0), cut, each.outcomes.get("failed", 0))
    missed: list[Cell] = [(f"{number}", "yellow") if number else "" for number in counts]
    name = f"{each.service}: {each.name}" if many else each.name
    times = [_seconds(each.p95_s), _seconds(each.p50_s)]
    return [name, *times, _growth(each), str(each.runs), *missed, str(each.retries) if each.retries else ""]


def _growth(each: HandlerAnswer) -> Cell:
    """Return how much slower the handler is in the newest version than in the one before it."""
    now, then = each.newest_p95_s, each.before_p95_s
    if now is None or not then:
        return ""
    growth = now / then - 1
    # Within 5 % each of the two may be off, and what takes no time may take twice as much.
    if abs(growth) < 0.1 or abs(now - then) < _NOTHING_S:
        return "same", ""
    text = f"x{now / then:.1f}" if growth > 2 else f"{growth:+.0%}"
    return text, "red" if growth > 0.3 else "green" if growth < -0.1 else ""


def _recent(entries: Sequence[Entry], screen: Screen) -> Iterator[Line]:
    if not entries:
        return
    heads = [
        Column("recent (UTC)", right=False), Column("verdict", right=False), Column("undone", rank=5),
        Column("after", right=False, rank=2), Column("took", rank=3), Column("of", rank=6),
        Column("service", right=False, rank=4), Column("version", right=False, rank=7),
        Column("zone", right=False, rank=8), Column("id", right=False, rank=4),
    ]  # fmt: skip
    many = len({each.service for each in entries}) > 1
    rows: list[list[Cell]] = []
    for each in entries[:_ROWS]:
        undone = str(each.undone) if each.undone else ""
        row: list[Cell] = [instant_of(each.began)[5:], (each.verdict, COLOURS.get(each.verdict, "")), undone]
        row += [screen.cut(each.cause, 24), _seconds(each.seconds), f"{each.window_s:g} s"]
        names = [each.service if many else "", each.version, each.zone, each.id]
        rows.append([*row, *(screen.cut(name, 24) for name in names)])
    yield ()
    yield from table_lines(heads, rows, screen)


def _seconds(value: float | None) -> str:
    return "" if value is None else seconds_text(value)
