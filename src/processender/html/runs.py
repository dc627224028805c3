"""The newest runs as a table, and one run with everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..accounts import plain
from ..accounts.plain import number, tables, text, texts
from ..accounts.timeline import Timeline, timeline
from ..archive.answers import ENDS, Entry
from ..core.labels import printable
from ..hints import Any
from .gantt import gantt, scale_of
from .markup import Markup, element
from .tables import folded, table
from .wording import moment, short, span

MOST = 20
"""How many runs are shown, and how many lines of each list."""


def recent(runs: Sequence[Entry]) -> Markup | None:
    """Return the newest of *runs* as a table; None without any."""
    if not runs:
        return None
    rows = [
        (
            element("th", moment(each.began), scope="row"),
            short(each.service, 32),
            verdict(each.verdict),
            short(each.cause, 32),
            span(each.seconds),
            span(each.window_s),
            f"{each.undone:,}" if each.undone else "",
            short(each.version, 24) if each.version else "",
            short(each.zone, 24) if each.zone else "",
            short(each.node or each.instance, 32) if each.node or each.instance else "",
        )
        for each in runs[:MOST]
    ]
    heads = ("began, UTC", "service", "verdict", "cause", ">took", ">of", ">not done", "version", "zone", "node")
    return table("The newest runs", heads, rows, "runs")


def verdict(word: str) -> Markup:
    """Return *word* with its colour before it."""
    known = word if word in ENDS else "other"
    return element(
        "span", element("span", class_=f"key v-{known}", aria_hidden="true"), short(word, 24), class_="verdict"
    )


def one(account: Mapping[str, Any]) -> Markup:
    """Return the run of which *account* tells: its facts, its timeline, and what else it says."""
    line = timeline(account)
    facts = [element("div", element("dt", name), element("dd", value)) for name, value in _facts(account)]
    drawn = gantt(line) if line.bars else element("p", "It had no handler.", class_="quiet")
    return element("div", element("dl", facts, class_="facts"), drawn, _legend(line), *_lists(account))


def _facts(account: Mapping[str, Any]) -> Iterable[tuple[str, str | Markup]]:
    line = timeline(account)
    yield "ended", verdict(line.verdict)
    yield "began, UTC", moment(line.started)
    yield "cause", short(line.cause)
    yield "took", f"{span(line.seconds)} of {span(line.hard)}"
    for name in ("service", "version", "deployment", "zone", "node", "instance"):
        if text(account.get(name)):
            yield name, short(text(account.get(name)))
    busy = number(account.get("in_flight_at_start"))
    if busy:
        left = len(texts(account.get("in_flight")))
        yield "work in progress", f"{busy:,.0f} at the start, {left:,} left"


def _legend(line: Timeline) -> Markup:
    """Return what the colours mean, of those that are there."""
    outcomes = {bar.outcome for bar in line.bars}
    keys = [
        ("o-done", "done", True),
        ("o-done critical", "on the critical path", bool(line.critical)),
        ("o-again", "an attempt that failed", any(len(bar.attempts) > 1 for bar in line.bars)),
        ("o-failed", "failed", "failed" in outcomes),
        ("o-timed_out", "timed out, abandoned", bool(outcomes & {"timed_out", "abandoned"})),
        ("reserve", "kept for the record", line.hard > 0),
        ("end", "the window ends", line.hard > 0),
        ("turn", "behind it, time runs quicker", scale_of(line).folded),
    ]
    items = [
        element("li", element("span", class_=f"key {kind}", aria_hidden="true"), words)
        for kind, words, is_there in keys
        if is_there
    ]
    return element("ul", items, class_="legend")


def _lists(account: Mapping[str, Any]) -> Iterable[Markup]:
    """Give what an account lists, each folded away where there is anything."""
    owed = plain.table(account.get("journal")).get("first")
    for title, listed, fields in (
        ("What was heard", account.get("notices"), ("at", "cause", "origin", "sender")),
        ("What failed and was tried again", account.get("retries"), ("at_s", "handler", "error")),
        ("What hung", account.get("stuck"), ("at_s", "handler", "reason")),
        ("What was cut", account.get("cut"), ("at_s", "what", "reason")),
        ("What is still owed", owed, ("what", "state", "error")),
        ("Troubles", account.get("troubles"), ("text",)),
    ):
        lines = [[_field(each, field) for field in fields] for each in tables(listed)]
        if lines:
            items = [element("li", "  ".join(filter(None, line))) for line in lines[:MOST]]
            more = len(lines) - MOST
            rest = element("li", f"and {more:,} more") if more > 0 else None
            yield folded(f"{title} ({len(lines):,})", element("ul", items, rest, class_="lines"))


def _field(entry: Mapping[str, Any], field: str) -> str:
    """Return one *field* of an entry as it is shown: a date, a time since the window opened, or a text."""
    value = number(entry.get(field))
    if field == "at":
        return moment(value or 0.0)
    return span(value) if field == "at_s" else printable(text(entry.get(field)), 200)
