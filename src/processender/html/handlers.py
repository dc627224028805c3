"""The handlers: how long each takes, beside its time-out and its last version; and what was not done, and why."""

from __future__ import annotations

from collections.abc import Iterable

from ..archive.answers import HandlerAnswer, Overview
from .drawing import box, upright
from .markup import Markup, element
from .tables import table
from .wording import NONE, percent, plain, short, span

MOST = 40
"""How many handlers are shown."""
REASONS = 3
"""How many reasons of each are shown."""
GROWTH = 0.2
"""From which change on against the last version, as a share, it is one."""
_LEAST_S = 0.1


def slowest(overview: Overview) -> Markup | None:
    """Return how long the handlers take, the slowest first; None where nothing is known of any."""
    shown = overview.handlers[:MOST]
    if not shown:
        return None
    extent = max([1e-3, *(each.p95_s for each in shown if each.p95_s is not None)]) * 1.06
    several = len({each.service for each in overview.handlers}) > 1
    rows = [
        (
            _name(each, several),
            _bar(each, extent),
            span(each.p50_s),
            span(each.p95_s),
            span(each.timeout_s),
            _growth(each),
            f"{each.runs:,}",
            percent(each.outcomes.get("done", 0) / each.runs if each.runs else None),
        )
        for each in shown
    ]
    heads = ("handler", "how long it takes", ">p50", ">p95", ">time-out", ">against the last version", ">runs", ">done")
    more = len(overview.handlers) - MOST
    rest = element("p", f"and {more:,} more, which are quicker", class_="quiet") if more > 0 else None
    return element("div", table("The handlers, the slowest first", heads, rows, "handlers"), rest)


def undone(overview: Overview) -> Markup | None:
    """Return what was skipped, timed out or failed, the most frequent first; None where everything was done."""
    counted = [(_undone(each), each) for each in overview.handlers]
    worst = sorted((pair for pair in counted if pair[0]), key=lambda pair: -pair[0])[:MOST]
    if not worst:
        return None
    several = len({each.service for each in overview.handlers}) > 1
    rows = [
        (
            _name(each, several),
            f"{number:,}",
            percent(number / each.runs if each.runs else None),
            _listed((plain(outcome), times) for outcome, times in each.outcomes.items() if outcome != "done"),
            _listed(each.reasons.items()),
            _listed(each.skipped_by_cause.items()),
        )
        for number, each in worst
    ]
    heads = ("handler", ">times", ">of its runs", "how", "why", "skipped at")
    return table("What was not done, the most frequent first", heads, rows, "undone")


def _undone(handler: HandlerAnswer) -> int:
    return sum(number for outcome, number in handler.outcomes.items() if outcome != "done")


def _name(handler: HandlerAnswer, several: bool) -> Markup:
    about = [handler.service] if several else []
    about += [each for each in (handler.phase, handler.importance) if each]
    return element(
        "th", short(handler.name), element("small", " · ".join(short(each, 24) for each in about)), scope="row"
    )  # fmt: skip


def _bar(handler: HandlerAnswer, extent: float) -> Markup:
    """Return both spans as a bar in a bar, and a line where the time-out lies."""
    if handler.p95_s is None:
        return element("span", "never done", class_="quiet")
    p50 = handler.p50_s or 0.0
    parts = [box(0, handler.p95_s / extent, 3, 10, "p95"), box(0, p50 / extent, 3, 10, "p50")]
    if handler.timeout_s is not None and handler.timeout_s <= extent:
        parts.append(upright(handler.timeout_s / extent, 0, 16, "limit"))
    limit = "" if handler.timeout_s is None else f", time-out {span(handler.timeout_s)}"
    tip = f"{short(handler.name)}: p50 {span(p50)}, p95 {span(handler.p95_s)}{limit}"
    return element("svg", parts, class_="strip", width="100%", height=16, aria_hidden="true", data_tip=tip)


def _growth(handler: HandlerAnswer) -> str | Markup:
    """Return by how much the newest version is slower than the one before it."""
    newest, before = handler.newest_p95_s, handler.before_p95_s
    if newest is None or before is None or before <= 0:
        return NONE
    change = newest / before - 1
    if abs(change) < GROWTH or max(newest, before) < _LEAST_S:
        return "as before"
    words = f"{change * 100:+.0f} %" if change < 1 else f"{newest / before:.1f} times"
    version = f"{span(before)} before, {span(newest)} in {short(handler.version, 24)}"
    return element("span", words, class_="worse" if change > 0 else "better", data_tip=version)


def _listed(counted: Iterable[tuple[str, int]]) -> Markup | str:
    pairs = sorted(((name, number) for name, number in counted if number), key=lambda pair: -pair[1])
    if not pairs:
        return NONE
    lines = [element("li", f"{short(name, 120)} ", element("b", f"{number:,}")) for name, number in pairs[:REASONS]]
    more = len(pairs) - REASONS
    return element("ul", lines, element("li", f"and {more:,} more", class_="quiet") if more > 0 else None)
