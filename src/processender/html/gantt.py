"""One run as a table in which time runs from left to right: a row for each phase and each handler."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..accounts.timeline import Bar, Stretch, Timeline
from ..core.outcome import Outcome
from ..core.record import Record
from .drawing import LEAST, along, box, ticks, upright
from .markup import Markup, element
from .tables import table
from .wording import NONE, plain, short, span

MOST = 60
"""How many handlers are shown: all on the critical path before the others."""
TALL = 26
"""How high a row is, in pixels."""
_EARLY = 0.55
_FOLD = 0.84
_OUTCOMES = frozenset(str(each) for each in Outcome)


class Link(Record):
    """One step of the critical path."""

    one: int
    """From which row."""
    two: int
    """To which."""
    left: float
    """When the first of them ended, seconds since the window opened."""
    reached: float
    """When the second began."""


class Scale(Record):
    """
    Where an instant lies along the drawing.

    Of a run that needed little of its window, the rest of the window is folded: behind `fold` time runs quicker.
    """

    extent: float
    """The last instant, seconds since the window opened."""
    fold: float
    """From which instant on time runs quicker; `extent` where it never does."""

    def at(self, instant: float) -> float:
        """Return the place of *instant*, 0 to 1."""
        if self.folded:
            if instant > self.fold:
                return _FOLD + (min(instant, self.extent) - self.fold) / (self.extent - self.fold) * (1 - _FOLD)
            return instant / self.fold * _FOLD
        return min(instant / self.extent, 1.0)

    @property
    def folded(self) -> bool:
        """Whether time runs quicker anywhere."""
        return self.fold < self.extent


def scale_of(line: Timeline) -> Scale:
    """Return the scale for *line*: its whole window, and what lies beyond it."""
    ends = [bar.end for bar in line.bars if bar.end is not None]
    last = max(line.seconds or 0.0, *ends, 0.0)
    extent = max(line.end * 1.02, 0.001)
    # A little room behind the last bar; a window of which most was needed is shown as it was.
    return Scale(extent, last * 1.08 if 0 < last < line.soft * _EARLY else extent)


def gantt(line: Timeline) -> Markup:
    """Return the run *line* as a table with drawings in it."""
    scale = scale_of(line)
    rows = _rows(line)
    links = _links(rows, line)
    title = "The run as it went, in time from left to right"
    body = [
        (_label(each), _lane(each, number, scale, line, links), _told(each)) for number, each in enumerate(rows)
    ]  # fmt: skip
    axis = (element("th", "time", scope="row", class_="phase"), _axis(scale, line), None)
    shown = sum(isinstance(row, Bar) for row in rows)
    more = len(line.bars) - shown
    rest = element("p", f"and {more:,} handlers more", class_="quiet") if more > 0 else None
    return element("div", table(title, ("handler", "when", "how it ended"), [axis, *body], "gantt"), rest)


def _rows(line: Timeline) -> list[Stretch | Bar]:
    """Return the phases, each with its handlers behind it, as they began; those that ran in none come last."""
    kept = sorted(line.bars, key=lambda bar: not bar.critical)[:MOST]
    left = [bar for bar in line.bars if bar in kept]
    rows: list[Stretch | Bar] = []
    for phase in line.phases:
        inside = [bar for bar in left if (bar.part, bar.phase) == (phase.part, phase.name)]
        rows += [phase, *inside] if inside else []
        left = [bar for bar in left if bar not in inside]
    return rows + left


def _links(rows: Sequence[Stretch | Bar], line: Timeline) -> list[Link]:
    """Return where the critical path goes from one row to another."""
    places = {row.name: number for number, row in enumerate(rows) if isinstance(row, Bar) and row.critical}
    path = [places[name] for name in line.critical if name in places]
    found = []
    for one, two in pairwise(path):
        first, then = rows[one], rows[two]
        if isinstance(first, Bar) and isinstance(then, Bar) and first.part == then.part:
            found.append(Link(one, two, first.end or 0.0, then.start or 0.0))
    return found


def _label(row: Stretch | Bar) -> Markup:
    if isinstance(row, Stretch):
        part = f" of {short(row.part, 24)}" if row.part else ""
        return element("th", f"{short(row.name)}{part}", scope="row", class_="phase")
    path = element("span", "on the critical path", class_="heard") if row.critical else None
    return element("th", short(row.name), path, scope="row", class_="critical" if row.critical else None)


def _lane(row: Stretch | Bar, number: int, scale: Scale, line: Timeline, links: Sequence[Link]) -> Markup:
    """Return the drawing of one row: the window behind, the links that pass, and in front what ran."""
    parts = _window(scale, line)
    parts += [piece for link in links for piece in _passing(link, number, scale)]
    parts += _stretch(row, scale) if isinstance(row, Stretch) else _bar(row, scale)
    tip = about(row) if isinstance(row, Bar) else f"{short(row.name)}: {span(row.end - row.start)}"
    return element("svg", parts, class_="lane", width="100%", height=TALL, aria_hidden="true", data_tip=tip)


def _passing(link: Link, number: int, scale: Scale) -> list[Markup]:
    """Return what of *link* lies in the row *number*."""
    first, last, middle = min(link.one, link.two), max(link.one, link.two), TALL / 2
    if not first <= number <= last:
        return []
    # A row begins and ends a pixel into its neighbours: no width of the window leaves a seam between them.
    top, bottom = middle if number == first else -1, middle if number == last else TALL + 1
    at, left = along(scale.at(link.reached)), along(scale.at(link.left))
    waits = element("line", x1=left, x2=at, y1=middle, y2=middle, class_="link") if number == link.one else None
    return [*([waits] if waits else []), upright(scale.at(link.reached), top, bottom, "link")]


def _window(scale: Scale, line: Timeline, top: float = -1) -> list[Markup]:
    """Return what lies behind each row, and a pixel beyond it; the lines begin at *top*."""
    parts = [upright(_FOLD, top, TALL + 1, "fold")] if scale.folded else []
    if not line.hard:
        return parts
    soft, hard = scale.at(line.soft), scale.at(line.hard)
    zones = [box(soft, hard - soft, 0, TALL + 1, "reserve"), box(hard, 1 - hard, 0, TALL + 1, "beyond")]
    return [*zones, *parts, upright(soft, top, TALL + 1, "soft"), upright(hard, top, TALL + 1, "hard")]


def _stretch(row: Stretch, scale: Scale) -> list[Markup]:
    start = scale.at(row.start)
    return [box(start, max(scale.at(row.end) - start, LEAST / 100), TALL / 2 - 1, 2, "stretch")]


def _bar(row: Bar, scale: Scale) -> list[Markup]:
    if row.start is None or row.end is None:
        return []
    start = scale.at(row.start)
    pause = [box(start, scale.at(row.end) - start, TALL / 2 - 1, 2, "pause")] if len(row.attempts) > 1 else []
    bars = []
    for number, each in enumerate(row.attempts):
        begin = scale.at(each.start)
        last = number == len(row.attempts) - 1
        length = max(scale.at(each.end) - begin, LEAST / 100)
        bars.append(box(begin, length, 6, TALL - 12, _kind(row) if last else "o-again", rx=2))
    return pause + bars


def _told(row: Stretch | Bar) -> Markup:
    if isinstance(row, Stretch):
        return element("td", span(row.end - row.start), class_="phase")
    outcome = plain(row.outcome) if row.outcome else "not known"
    took = "" if row.seconds is None else f"{span(row.seconds)}, "
    tries = f", {len(row.attempts)} attempts" if len(row.attempts) > 1 else ""
    why = element("small", short(row.why, 120), title=row.why) if row.why else None
    mark = element("span", class_=f"key {_kind(row)}", aria_hidden="true")
    return element("td", mark, f"{took}{outcome}{tries}", why)


def _kind(row: Bar) -> str:
    """Return the classes that give *row* its colour; an outcome that is not known has one, too."""
    outcome = row.outcome if row.outcome in _OUTCOMES else "unknown"
    return f"o-{outcome}{' critical' if row.critical else ''}"


def about(row: Bar) -> str:
    """Return everything of *row* in a line."""
    name, how = short(row.name), plain(row.outcome) or "not known"
    if row.start is None or row.end is None:
        return f"{name}: {how}{f', {short(row.why, 120)}' if row.why else ''}"
    when = f"from {span(row.start)} to {span(row.end)}"
    tries = [
        f"attempt {number} failed: {short(each.error, 80)}" for number, each in enumerate(row.attempts, 1) if each.error
    ]
    path = ["on the critical path"] if row.critical else []
    return "; ".join([f"{name}: {how}, {when}", *tries[:5], *path])


def _tick(instant: float) -> str:
    return "0" if not instant else f"{instant:.3g} s" if 1 <= instant < 60 else span(instant)


def _axis(scale: Scale, line: Timeline) -> Markup:
    """Return the row of the times, with the two ends of the window."""
    parts = _window(scale, line, 21)
    soft, hard = scale.at(line.soft), scale.at(line.hard)
    near = hard - soft < 0.1
    # The words of the two ends have the right to their place.
    taken = [hard - 0.03, *([hard - 0.1] if near else [soft])] if line.hard else []
    for instant in ticks(scale.fold if scale.folded else scale.extent):
        at = scale.at(instant)
        if all(abs(at - place) > 0.07 for place in taken):
            parts.append(_word(_tick(instant), at, "middle" if instant else "start"))
    if line.hard:
        parts += [] if near else [_word(_tick(line.soft), soft, "middle")]
        words = f"{_tick(line.soft)} | {_tick(line.hard)}" if near else _tick(line.hard)
        parts.append(_word(words, hard, "end", class_="strong", dx=-4))
    tip = f"handlers have until {span(line.soft)}, the window ends at {span(line.hard)}" if line.hard else NONE
    return element("svg", parts, class_="lane", width="100%", height=TALL, aria_hidden="true", data_tip=tip)


def _word(words: str, at: float, anchor: str, **more: str | float) -> Markup:
    return element("text", words, x=along(at), y=15, text_anchor=anchor, **more)
