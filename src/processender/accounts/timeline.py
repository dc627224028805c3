"""The timeline of one run: its handlers as bars with their attempts, its phases, its window, its critical path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..core.record import Record
from ..hints import Any
from .plain import KILLED, number, parts, table, tables, text, texts

HELD_S = 0.02
"""How soon, at most, a handler begins behind the one that held it up, seconds."""


class Attempt(Record):
    """One attempt of a handler; the time between two of them is the pause."""

    start: float
    """When it began, seconds since the window opened."""
    end: float
    """When it ended."""
    error: str = ""
    """Why it failed, as `Type: text`; empty for one that did not, or of which that is not known."""


class Bar(Record):
    """One handler."""

    name: str
    """Its name."""
    phase: str = ""
    """Its phase."""
    importance: str = ""
    """Its importance."""
    outcome: str = ""
    """How it ended; empty where that was never said."""
    why: str = ""
    """Why, or with which error; empty where the outcome says it."""
    start: float | None = None
    """When it began, seconds since the window opened; None if it never did, or if that was never said."""
    end: float | None = None
    """When it ended; None where it never began."""
    attempts: tuple[Attempt, ...] = ()
    """Its attempts; empty where it never began."""
    critical: bool = False
    """Whether it is on the critical path: had it been quicker, the run would have been."""
    part: str = ""
    """The application that has joined the agent, if it is a handler of that one."""
    needs: tuple[str, ...] = ()
    """Those that must be done before."""

    @property
    def seconds(self) -> float | None:
        """How long it took; None where it never began."""
        return None if self.start is None or self.end is None else self.end - self.start


class Stretch(Record):
    """One phase, from the begin of its first handler to the end of its last."""

    name: str
    """Which."""
    start: float
    """When it began, seconds since the window opened."""
    end: float
    """When it ended."""
    part: str = ""
    """The application that has joined the agent, if it is a phase of that one."""


class Timeline(Record):
    """One run, second by second."""

    id: str
    """The id of the report."""
    service: str
    """Which service."""
    version: str
    """Its version."""
    cause: str
    """Why it ended."""
    verdict: str
    """How; `killed` for one of which nothing was heard again."""
    started: float
    """When the window opened, seconds since 1970; 0.0 where that is not known."""
    seconds: float | None
    """How long the run took; None where it never came to its end."""
    soft: float
    """Until when handlers had time, seconds since the window opened."""
    hard: float
    """When the window ended."""
    bars: tuple[Bar, ...]
    """The handlers as they began; those that never did come last, and behind them those of joined applications."""
    phases: tuple[Stretch, ...]
    """The phases in which something ran, as they began."""
    critical: tuple[str, ...]
    """The handlers on the critical path, the first one first; with joined applications one path behind the other."""

    @property
    def end(self) -> float:
        """When the last thing ended of all that is known, the window or a handler, seconds since it opened."""
        ends = [bar.end for bar in self.bars if bar.end is not None]
        return max(self.hard, self.seconds or 0.0, *ends, 0.0)


def timeline(account: Mapping[str, Any]) -> Timeline:
    """Return the timeline of the run of which *account* tells, a report as it was read: nothing of it is trusted."""
    window = table(account.get("window"))
    hard = max(number(window.get("length_s")) or 0.0, 0.0)
    started = number(account.get("started")) or 0.0
    seconds = number(account.get("seconds"))
    bars = [bar for part, each in parts(account) for bar in _path(_bars(each, part, _shift(account, each)))]
    return Timeline(
        id=text(account.get("id")),
        service=text(account.get("service")),
        version=text(account.get("version")),
        cause=text(account.get("cause")),
        verdict=KILLED if account.get("ended") is None else text(account.get("verdict")),
        started=started,
        seconds=seconds,
        soft=min(max(number(window.get("work_s")) or 0.0, 0.0), hard),
        hard=hard,
        bars=tuple(bars),
        phases=_phases(bars),
        critical=tuple(bar.name for bar in sorted(bars, key=_by_part_and_start) if bar.critical),
    )


def _shift(account: Mapping[str, Any], part: Mapping[str, Any]) -> float:
    """Return how much later than *account* that of its *part* began."""
    began = number(part.get("started"))
    return 0.0 if began is None else began - (number(account.get("started")) or 0.0)


def _bars(account: Mapping[str, Any], part: str, shift: float) -> list[Bar]:
    retries: dict[str, list[dict[str, Any]]] = {}
    for each in tables(account.get("retries")):
        retries.setdefault(text(each.get("handler")), []).append(each)
    return [
        _bar(each, retries.get(text(each.get("name")).removeprefix(f"{part}/"), []), part, shift)
        for each in tables(account.get("handlers"))
    ]


def _bar(handler: Mapping[str, Any], retries: list[dict[str, Any]], part: str, shift: float) -> Bar:
    start, end = number(handler.get("started_s")), number(handler.get("ended_s"))
    ran = start is not None and end is not None
    attempts: tuple[Attempt, ...] = ()
    if start is not None and end is not None:
        start, end = start + shift, max(start, end) + shift
        attempts = _attempts(start, end, retries, shift, text(handler.get("error")))
    return Bar(
        name=text(handler.get("name")),
        phase=text(handler.get("phase")),
        importance=text(handler.get("importance")),
        outcome=text(handler.get("outcome")),
        why=text(handler.get("reason")) or text(handler.get("error")),
        start=start if ran else None,
        end=end if ran else None,
        attempts=attempts,
        part=part,
        needs=texts(handler.get("needs")),
    )


def _attempts(start: float, end: float, retries: list[dict[str, Any]], shift: float, error: str) -> tuple[Attempt, ...]:
    """Return the attempts between *start* and *end*: each retry says when one failed, and when the next began."""
    found = []
    for each in retries:
        failed, again = number(each.get("at_s")), number(each.get("again_s"))
        if failed is None or not start <= failed + shift <= end:
            continue
        found.append(Attempt(start, failed + shift, text(each.get("error"))))
        start = end if again is None else min(max(failed, again) + shift, end)
    # One that was not begun any more, since the time was up in the pause, is none.
    return (*found, Attempt(start, end, error)) if start < end or not found else tuple(found)


def _path(bars: list[Bar]) -> list[Bar]:
    """Return the *bars* of one account with those marked that are on its critical path, from the last one back."""
    ran = {place: bar for place, bar in enumerate(bars) if bar.end is not None}
    place = max(ran, key=lambda each: (ran[each].end or 0.0, ran[each].start or 0.0, each), default=None)
    on: set[int] = set()
    while place is not None:
        on.add(place)
        place = _before(ran, place, on)
    return [bar.replace(critical=True) if place in on else bar for place, bar in enumerate(bars)]


def _before(ran: Mapping[int, Bar], place: int, on: set[int]) -> int | None:
    """Return the one for which *place* has waited: of what it needs and of former phases what ended last."""
    bar = ran[place]
    start = bar.start or 0.0
    ended = {each: one.end or 0.0 for each, one in ran.items() if each not in on and (one.end or 0.0) <= start}
    named = {each: end for each, end in ended.items() if ran[each].phase != bar.phase or _short(ran[each]) in bar.needs}
    waited = max(named, key=lambda each: (named[each], each), default=None)
    if waited is not None and named[waited] >= start - HELD_S:
        return waited
    # Nothing that it names ended just before: a limit may have held it, of workers or by a priority.
    nearest = max(ended, key=lambda each: (ended[each], each), default=None)
    return nearest if nearest is not None and ended[nearest] >= start - HELD_S else waited


def _short(bar: Bar) -> str:
    """Return the name of *bar* as its own application says it."""
    return bar.name.removeprefix(f"{bar.part}/")


def _phases(bars: Iterable[Bar]) -> tuple[Stretch, ...]:
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for bar in bars:
        if bar.start is not None and bar.end is not None:
            start, end = found.get((bar.part, bar.phase), (bar.start, bar.end))
            found[bar.part, bar.phase] = min(start, bar.start), max(end, bar.end)
    stretches = [Stretch(phase, start, end, part) for (part, phase), (start, end) in found.items()]
    return tuple(sorted(stretches, key=lambda each: (each.part, each.start)))


def _by_part_and_start(bar: Bar) -> tuple[str, float]:
    return bar.part, bar.start or 0.0
