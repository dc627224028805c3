"""One run on a terminal: its handlers as bars over time, its critical path, and the end of its window."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from ..accounts.plain import KILLED
from ..accounts.timeline import Bar, Timeline
from ..archive.days import instant_of
from ..core.texts import counted
from ..screen import Line, Screen, columns, lines_of, side_by_side

COLOURS = {
    "clean": "green", "done": "green", "degraded": "yellow", "skipped": "dim", "cancelled": "dim",
    "failed": "red", "timed_out": "red", "abandoned": "red", "forced": "red", "killed": "red", "crashed": "red",
}  # fmt: skip
"""In which colour a verdict or an outcome is said."""
_FAR = 2.0
"""How many times the length of a run its window must have, so that the scale is broken before its end."""
_WIDE, _ROOMY = 50, 90
"""From which width on the names stand beside the bars with the times behind them, and words behind these."""
_TICKS = 11
"""How many columns there are, at least, from one tick to the next."""


class _Scale:
    """Where an instant stands in a row of bars."""

    def __init__(self, run: Timeline, width: int) -> None:
        self.width = max(width, 4)
        ends = [bar.end for bar in run.bars if bar.end is not None]
        self.last = max([run.seconds or 0.0, *ends, 0.0])
        # A window of half a minute would leave nothing to be seen of a run of a second.
        self.broken = self.width >= 16 and self.last > 0 and run.hard > _FAR * self.last
        self.end = f"{run.hard:g}"
        self.inner = self.width - (max(len(self.end), 3) + 3 if self.broken else 1)
        self.span = (self.last if self.broken else max(run.end, self.last)) or 1.0
        self.soft = self.width - 3 if self.broken else self.at(run.soft)
        self.hard = self.width - 1 if self.broken else self.at(run.hard)
        self.hides = run.hard <= 0

    def at(self, seconds: float) -> int:
        """Return the column of an instant."""
        return min(max(int(seconds / self.span * self.inner), 0), self.inner)

    def step(self) -> float:
        """Return how far apart the ticks are, a round number of seconds."""
        least = self.span * _TICKS / self.inner
        power = 10.0 ** floor(log10(least)) if least > 0 else 1.0
        return next(each * power for each in (1.0, 2.0, 5.0, 10.0) if each * power >= least * 0.999)


def last_lines(run: Timeline, screen: Screen) -> Iterator[Line]:
    """Give the lines that show *run*."""
    yield from _head(run, screen)
    yield ()
    if any(bar.start is not None for bar in run.bars):
        yield from _chart(run, screen)
        yield ()
    yield from _words(run, screen)


def _head(run: Timeline, screen: Screen) -> Iterator[Line]:
    name = f"{run.service or 'a service'} {run.version}".strip()
    took = "no end" if run.seconds is None else seconds_text(run.seconds)
    parts = [
        (screen.cut(name, max(screen.width // 2, 12)), "bold"),
        (run.verdict or "no verdict", f"bold {COLOURS.get(run.verdict, '')}".strip()),
        (f"after {screen.cut(run.cause or 'an unknown cause', 40)}", ""),
        (f"{took} of {run.hard:g} s" if run.hard else took, ""),
        (f"{instant_of(run.started)} UTC", "dim"),
        (screen.cut(run.id, 40), "dim"),
    ]
    yield from side_by_side(parts, screen)


def _chart(run: Timeline, screen: Screen) -> Iterator[Line]:
    beside = screen.width >= _WIDE
    longest = max(columns(screen.clean(bar.name)) for bar in run.bars)
    names = max(min(longest + 2, screen.width // 3), 7) if beside else 0
    behind = 24 if screen.width >= _ROOMY else 9 if beside else 0
    scale = _Scale(run, screen.width - names - beside - behind)
    yield _axis(scale, names + beside)
    phase = None
    for bar in run.bars:
        row = _marks(_row(bar, scale, screen), scale, screen)
        if not beside:
            yield ((screen.cut(bar.name, screen.width), _style(bar)),)
            yield tuple(row)
            continue
        if (bar.part, bar.phase) != phase:
            phase = bar.part, bar.phase
            title = f"{bar.part}: {bar.phase}" if bar.part else bar.phase
            yield ((screen.fit(title, names + 1), "dim"), *_marks([(" ", "")] * scale.width, scale, screen))
        yield ((screen.fit(f"  {bar.name}", names), _style(bar)), (" ", ""), *row, *_behind(bar, behind, screen))
    signs = "# critical  = other  . waits to try again  x not done  : end for handlers  | end of the window"
    for plain, sign in zip("#=.x:|", "█▓·✗┊┃", strict=True):
        signs = signs.replace(f"{plain} ", f"{screen.pick(sign, plain)} ")
    yield from lines_of(screen.wrapped(signs.replace(" ", "\xa0").replace("\xa0\xa0", "  ")) if beside else [], "dim")


def _style(bar: Bar) -> str:
    """Return the style of the name of *bar*."""
    return "bold" if bar.critical else COLOURS.get(bar.outcome, "") if bar.outcome != "done" else ""


def _axis(scale: _Scale, names: int) -> Line:
    """Return the row of times above the bars."""
    cells = [" "] * scale.width
    step, number = scale.step(), 0
    while number * step <= scale.span * 1.0001:
        text = f"{number * step:g}" + (" s" if not number else "")
        start = min(scale.at(number * step), scale.inner + 1 - len(text))
        if start >= 0 and all(each == " " for each in cells[max(start - 1, 0) : start + len(text)]):
            cells[start : start + len(text)] = text
        number += 1
    if scale.broken:
        cells[scale.inner + 1 :] = "//" + scale.end.rjust(scale.width - scale.inner - 3)
    return ((" " * names, ""), ("".join(cells)[: scale.width], "dim"))


def _row(bar: Bar, scale: _Scale, screen: Screen) -> list[tuple[str, str]]:
    """Return the cells of one handler: its attempts as blocks, its pauses as dots."""
    cells = [(" ", "")] * scale.width
    if bar.start is None or bar.end is None:
        return cells
    first, last = scale.at(bar.start), scale.at(bar.end)
    for place in range(first, max(last, first + 1)):
        cells[place] = (screen.pick("·", "."), "dim")
    block = screen.pick("█", "#") if bar.critical else screen.pick("▓", "=")
    for attempt in bar.attempts:
        start, end = scale.at(attempt.start), scale.at(attempt.end)
        style = "red" if attempt.error else "blue" if bar.critical else ""
        for place in range(start, max(end, start + 1)):
            cells[place] = (block, style)
    if bar.outcome != "done":
        cells[max(last - 1, first)] = (screen.pick("✗", "x"), "bold red")
    return cells


def _marks(cells: list[tuple[str, str]], scale: _Scale, screen: Screen) -> list[tuple[str, str]]:
    """Draw the soft and the hard end of the window, where nothing is in the way."""
    if scale.hides:
        return cells
    for place, sign, plain, style in ((scale.soft, "┊", ":", "dim"), (scale.hard, "┃", "|", "red")):
        if cells[place][0] == " " or place == scale.hard:
            cells[place] = (screen.pick(sign, plain), style)
    return cells


def _behind(bar: Bar, room: int, screen: Screen) -> Line:
    """Return what stands behind a bar, in *room* columns."""
    if not room:
        return ()
    took = "" if bar.seconds is None else seconds_text(bar.seconds)
    words = "" if bar.outcome == "done" and len(bar.attempts) < 2 else bar.outcome.replace("_", " ") or "no outcome"
    if bar.outcome == "done" and len(bar.attempts) > 1:
        words = f"{len(bar.attempts)} attempts"
    if room < 16:
        shown = took or words
        return ((f" {screen.cut(shown, room - 1)}", COLOURS.get(bar.outcome, "") if bar.outcome != "done" else "dim"),)
    style = "" if bar.outcome == "done" else COLOURS.get(bar.outcome, "")
    return ((f" {took:>8}", "dim"), (f"  {screen.cut(words, room - 11)}", style))


def _words(run: Timeline, screen: Screen) -> Iterator[Line]:
    """Say what the chart shows, for those who cannot see it, and why something was not done."""
    if run.verdict == KILLED:
        text = "it began, and nothing was heard of it again: SIGKILL, or the power; what ran until then is not known"
        yield from _said("no end", [text], screen, "red")
        yield from _said("planned", [", ".join(bar.name for bar in run.bars[:50])] if run.bars else [], screen)
    yield from _said("critical path", _paths(run), screen)
    yield from _said("window", [_window(run)] if run.hard else [], screen)
    undone = [bar for bar in run.bars if bar.outcome not in {"done", ""}]
    whys = [f"{bar.name}: {bar.outcome.replace('_', ' ')}{f': {bar.why}' if bar.why else ''}" for bar in undone]
    yield from _said("not done", whys, screen, "yellow")
    tried = [
        f"{bar.name}: attempt {number} failed after {each.end - each.start:.2f} s: {each.error or 'it is not said why'}"
        for bar in run.bars
        for number, each in enumerate(bar.attempts[:-1], 1)
    ]
    yield from _said("tried again", tried, screen)
    if not run.bars:
        yield from _said("handlers", ["none are known of this run"], screen)


def _paths(run: Timeline) -> list[str]:
    """Return the critical path, and below it those of applications that have joined."""
    parts: dict[str, list[str]] = {}
    critical = [bar for bar in run.bars if bar.critical]
    for bar in sorted(critical, key=lambda each: (each.part, each.start or 0.0)):
        parts.setdefault(bar.part, []).append(bar.name)
    return [" > ".join(names) for names in parts.values()]


def _window(run: Timeline) -> str:
    ends = [bar.end for bar in run.bars if bar.end is not None]
    last = max([run.seconds or 0.0, *ends])
    text = f"handlers had {run.soft:g} s, and it ended at {run.hard:g} s"
    if run.seconds is None:
        return text
    return (
        f"{text}; {seconds_text(run.hard - last)} were left"
        if last <= run.hard
        else f"{text}; {last - run.hard:.2f} s too late"
    )


def _said(label: str, texts: list[str], screen: Screen, style: str = "") -> Iterator[Line]:
    """Give *texts* behind their *label*, the first few of them."""
    narrow = screen.width < _WIDE
    indent = " " * (2 if narrow else len(label) + 2)
    if narrow and texts:
        yield ((f"{label}:", f"bold {style}".strip()),)
    for number, text in enumerate(texts[:20]):
        for place, line in enumerate(screen.wrapped(text, indent, indent)):
            first = not (narrow or number or place)
            yield ((f"{label}: ", f"bold {style}".strip()), (line[len(indent) :], "")) if first else ((line, ""),)
    if len(texts) > 20:
        yield ((f"  and {counted(len(texts) - 20, 'more', 'more')}", "dim"),)


def seconds_text(seconds: float) -> str:
    """Return *seconds* as text of three digits or so."""
    if seconds < 0.0095:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s" if seconds < 100 else f"{seconds:.0f} s"
