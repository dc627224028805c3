"""A picture of a run that is on, for a screen of any width: its time, its handlers, and what it waits for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.texts import counted
from ..hints import Any
from ..screen import Line, Screen, Span, columns
from .course import AGAIN, DRAINED, DRAINING, ENDED, ENDING, OPEN, RUNS, STUCK, WAITS, waits_for

LEAST_ROWS = 4
"""How high a picture is at least."""
_NARROW = 48
"""Below which width what a handler waits for stands in a line of its own, and there is no bar."""
_NAME = 28
_SIGNS = {
    RUNS: ("▸", ">", "bold"), AGAIN: ("↻", "r", "yellow"), STUCK: ("✗", "!", "red"), WAITS: ("·", ".", "dim"),
    "done": ("✓", "+", "green"), "failed": ("✗", "x", "red"), "timed_out": ("✗", "x", "red"),
    "abandoned": ("✗", "x", "red"), "skipped": ("-", "-", "yellow"),
}  # fmt: skip
_RANKS = {RUNS: 0, AGAIN: 0, STUCK: 0, WAITS: 2, "done": 3}
_WORDS = {ENDING: "ending", DRAINING: "draining", DRAINED: "drained", ENDED: "ended"}
Run = Mapping[str, Any]


def frame(run: Run, now: float, screen: Screen, most: int = 40) -> list[Line]:
    """
    Return the picture, at most *most* lines; none where there is no run.

    Args:

        run: The whole course of the run.

        now: What time it is, on the clock of the course.

        screen: Where it is shown.

        most: How many lines there may be.
    """
    if not run:
        return []
    lines = _head(run, now, screen)
    waiting = _in_flight(run, screen)
    lines += _rows(run, now, screen, max(most - len(lines) - len(waiting), 1))
    return [*lines, *waiting][:most]


def sentence(run: Run, now: float) -> str:
    """Return the same in one line, for who cannot draw: how long is left, and what is waited for."""
    rows = run["handlers"]
    named = [_told(name, rows[name], now) for name in waits_for(run)]
    left = f"{_left(run, now)} left"
    on = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
    flight = len(run.get("in_flight", ())) + run.get("more", 0)
    return f"{_state(run)}, {left}; waits for {on or 'nobody'}" + (f"; {flight} in flight" if flight else "")


def _state(run: Run) -> str:
    state = str(run.get("state", ""))
    return _WORDS.get(state, state)


def _left(run: Run, now: float) -> str:
    return seconds(max(0.0, run.get("soft", now) - now))


def _head(run: Run, now: float, screen: Screen) -> list[Line]:
    over = run.get("state") == ENDED
    who = run.get("who", "")
    by = f" by {who}" if who and who not in {run.get("cause"), "signals", "api", "body"} else ""
    what = f"{_state(run)} {run.get('verdict', '')}".strip() + f": {run.get('cause', '')}{by}"
    open_ended = over or run.get("state") == DRAINED
    time = "" if open_ended else f"{_left(run, now)} left of {seconds(_length(run))}"
    ended = [row for row in run["handlers"].values() if row["state"] not in OPEN]
    count = f"{len(ended)} of {counted(len(run['handlers']), 'handler')} ended"
    if screen.width < _NARROW:
        time = f"{_left(run, now)} left" if time else ""
        told = [what, time, f"{len(ended)} of {len(run['handlers'])} ended"]
        return [((screen.cut(text, screen.width), "bold" if text is what else ""),) for text in told if text]
    right = f"  {time}" if time else ""
    first = screen.cut(what, screen.width - columns(right))
    bar = [] if open_ended else [*_bar(run, now, screen), ("  ", "")]
    return [((first, "bold"), (right, _urgency(run, now))), (*bar, (count, "dim"))]


def _length(run: Run) -> float:
    return max(0.0, float(run.get("soft", 0.0) - run.get("opened", 0.0)))


def _share(run: Run, now: float) -> float:
    length = _length(run)
    return min(max((now - run.get("opened", now)) / length, 0.0), 1.0) if length > 0 else 1.0


def _urgency(run: Run, now: float) -> str:
    share = _share(run, now)
    return "red" if share > 0.9 else "yellow" if share > 0.7 else ""


def _bar(run: Run, now: float, screen: Screen) -> list[Span]:
    width = min(40, screen.width - 26)
    full = round(_share(run, now) * width)
    return [
        (screen.pick("█", "#") * full, _urgency(run, now) or "blue"),
        (screen.pick("░", ".") * (width - full), "dim"),
    ]


def _rows(run: Run, now: float, screen: Screen, most: int) -> list[Line]:
    """Return the handlers: who runs, who has failed, who waits, who is done; who does not fit is counted."""
    rows: Mapping[str, Mapping[str, Any]] = run["handlers"]
    names = sorted(rows, key=lambda name: _RANKS.get(rows[name]["state"], 1))
    name_width = min(_NAME, max((columns(screen.clean(name[:200])) for name in names), default=0))
    lines: list[Line] = []
    for place, name in enumerate(names):
        told = _row(name, rows, now, screen, name_width)
        left = len(names) - place
        if len(lines) + len(told) > most - (left > 1):
            states = [rows[each]["state"] for each in names[place:]]
            lines.append(((screen.cut(f"  and {_counts(states)}", screen.width), "dim"),))
            break
        lines += told
    return lines


def _counts(states: Sequence[str]) -> str:
    """Return how many there are of each kind, those that matter most first."""
    known = sorted(dict.fromkeys(states), key=lambda state: _RANKS.get(state, 1))
    words = {WAITS: "to come", RUNS: "running", AGAIN: "to try again"}
    return ", ".join(f"{states.count(each)} {words.get(each, each).replace('_', ' ')}" for each in known)


def _row(name: str, rows: Mapping[str, Mapping[str, Any]], now: float, screen: Screen, width: int) -> list[Line]:
    row = rows[name]
    sign, plain, style = _SIGNS.get(row["state"], ("?", "?", ""))
    said = _said(row, rows, now)
    mark = f" {screen.pick(sign, plain)} "
    if screen.width < _NARROW:
        first: Line = ((mark, style), (screen.cut(name, screen.width - 3), style if style != "green" else ""))
        second: Line = ((screen.cut(f"   {said}", screen.width), "dim"),)
        return [first, second] if said and row["state"] not in {WAITS, "done"} else [first]
    room = screen.width - 5 - width
    shown = style if row["state"] in {RUNS, WAITS} else ""
    return [((mark, style), (screen.fit(name, width), shown), ("  ", ""), (screen.cut(said, room), _shade(row)))]


def _shade(row: Mapping[str, Any]) -> str:
    return {AGAIN: "yellow", STUCK: "red", WAITS: "dim", "done": "dim"}.get(row["state"], "")


def _said(row: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]], now: float) -> str:
    """Return what there is to say of a handler: how long, up to when, which attempt, why, and for whom it waits."""
    state, why, note = row["state"], str(row.get("why", "")), str(row.get("note", ""))
    attempt = f"attempt {row['attempt']}" if row.get("attempt", 0) > 1 else ""
    parts = {
        RUNS: [_running(row, now), attempt, why if attempt else "", note],
        AGAIN: [f"again in {seconds(max(0.0, row.get('again', now) - now))}", f"attempt {row.get('attempt', 1)}", why],
        STUCK: [f"stuck for {seconds(max(0.0, now - row.get('until', now)))}", why],
        WAITS: [_behind(row, rows)],
    }.get(state)
    if parts is None:
        took = seconds(row["took"]) if row.get("took", 0.0) >= 0.05 else ""
        parts = [took if state == "done" else f"{state.replace('_', ' ')} {took}".strip(), attempt, why, note]
    return ", ".join(part for part in parts if part)


def _running(row: Mapping[str, Any], now: float) -> str:
    spent = seconds(max(0.0, now - row.get("began", now)))
    return f"{spent}, {seconds(max(0.0, row['until'] - now))} left" if "until" in row else spent


def _behind(row: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> str:
    behind = [name for name in row.get("after", ()) if rows.get(name, {}).get("state") in OPEN]
    if not behind:
        return f"in phase {row['phase']}" if row.get("phase") else ""
    return f"after {', '.join(behind[:3])}" + (f" and {len(behind) - 3} more" if len(behind) > 3 else "")


def _told(name: str, row: Mapping[str, Any], now: float) -> str:
    """Return a handler that is waited for, with its time, for a sentence."""
    return f"{name} ({_said({**row, 'note': ''}, {}, now)})"


def _in_flight(run: Run, screen: Screen) -> list[Line]:
    what: Sequence[str] = run.get("in_flight", ())
    number = len(what) + run.get("more", 0)
    text = f"{number} in flight: {', '.join(what[:10])}"
    return [((screen.cut(text, screen.width), ""),)] if number else []


def seconds(time: float) -> str:
    """Return so many seconds as text that does not flicker: tenths while they matter, else minutes."""
    if time < 99.95:
        return f"{time:.1f} s"
    return f"{time:.0f} s" if time < 600 else f"{time / 60:.0f} min"
