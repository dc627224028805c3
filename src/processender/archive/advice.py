"""What to change in the timeouts, importances, grace and reserve of a service, and why: from its history."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10

from ..core.labels import OTHERS
from ..core.record import Record
from .answers import HandlerAnswer, Overview
from .sentences import name_of
from .shares import Share

ENOUGH = 10
"""From how many runs on something is advised."""
ROOM = 3.0
"""How much more a time-out gives than what nearly every run takes."""
NEVER_NEAR = 10.0
"""A time-out is never near its use from so many times of what nearly every run takes on."""
MOSTLY, SELDOM = 0.5, 0.05
"""Which share of runs is most of them, and which is too many for what should not happen."""
FULL = 0.8
"""Which part of a window is nearly all of it."""
LEAST_TIMEOUT_S = 1.0
"""No shorter time-out is advised."""


class Advice(Record):
    """Something to change."""

    about: str
    """A handler; or `grace`, or `reserve`."""
    change: str
    """What to change, as an operator would write it."""
    why: str
    """Why, with the figures."""
    weight: float = 0.0
    """How many runs would have been better; what weighs most comes first."""


class Kept(Record):
    """How long the record and the observers took at the ends of a service, as its history has it."""

    ends: int = 0
    """How many ends are known."""
    late: int = 0
    """At how many of them not everybody had taken everything."""
    longest_s: float = 0.0
    """How long it took at most, seconds."""


def advice(overview: Overview, kept: Kept | None = None) -> tuple[Advice, ...]:
    """
    Return what to change, what helps most first.

    Args:

        overview: Of one service: of several the causes and times would be mixed.

        kept: What is known of the record and the observers, if it is.
    """
    found = [*_grace(overview), *_reserve(overview, kept or Kept())]
    for each in overview.handlers:
        if each.runs >= ENOUGH:
            found += [*_skipped(each, overview), *_timeout(each)]
    return tuple(sorted(found, key=lambda each: -each.weight))


def window_of(overview: Overview) -> float | None:
    """Return how long the window of the recent runs was, the middle of them, seconds; None without any."""
    windows = sorted(each.window_s for each in overview.recent if each.window_s > 0)
    return windows[len(windows) // 2] if windows else None


def rounded(seconds: float) -> str:
    """Return *seconds*, upward to two digits, as a configuration says them: `1.2s`, `90s`."""
    if seconds <= 0:
        return "0s"
    step = 10.0 ** (floor(log10(seconds) + 1e-9) - 1)
    return f"{round(ceil(seconds / step - 1e-9) * step, 3):g}s"


def _grace(overview: Overview) -> Iterator[Advice]:
    """Compare the window with what the runs take of it, and with those of which nothing was heard again."""
    window, counts = window_of(overview), overview.counts
    p95 = overview.services[0].p95_s if overview.services else None
    if window is None or counts.runs < ENOUGH or p95 is None:
        return
    cut = counts.forced + counts.killed
    share = Share(cut, counts.runs)
    if p95 >= FULL * window:
        longer = rounded(max(1.5 * p95, 1.25 * window))
        why = f"one run in twenty takes {p95:.2f} s or more of a window of {window:g} s"
        why += f", and {cut} of {counts.runs} were cut"
        change = (
            f"grace {window:g}s -> {longer}, and what the platform gives with it (`processender doctor` tells that)"
        )
        yield Advice("grace", change, why, max(cut, 0.05 * counts.runs))
    elif counts.killed and Share(counts.killed, counts.runs).bounds()[0] > 0.01:
        were = "was" if share.part == 1 else "were"
        why = f"{share.part} of {counts.runs} runs {were} cut, though nearly all end within {p95:.2f} s of {window:g} s"
        change = "compare the grace with what the platform gives: `processender doctor`"
        yield Advice(
            "grace", change, f"{why}: it kills before the grace is over, or for want of memory", float(counts.killed)
        )


def _reserve(overview: Overview, kept: Kept) -> Iterator[Advice]:
    """Tell of exporters that are never done: the reserve itself is learned, up to a quarter of the window."""
    if kept.ends < ENOUGH or Share(kept.late, kept.ends).value <= SELDOM:
        return
    window = window_of(overview) or 0.0
    why = f"the record and the observers were not done in {kept.late} of {kept.ends} ends"
    why += f", the longest of which waited {kept.longest_s:.2f} s for them"
    change = "make the exporters quicker: send to a collector on this host"
    if 4 * kept.longest_s > window > 0:
        change += f"; or grace {window:g}s -> {rounded(4 * kept.longest_s)}, a quarter of which the reserve may take"
    yield Advice("reserve", change, why, float(kept.late))


def _skipped(each: HandlerAnswer, overview: Overview) -> Iterator[Advice]:
    """Tell of a handler that hardly ever runs after some cause."""
    runs = {group.name: group.counts.runs for group in overview.causes if group.name != OTHERS}
    for cause, skipped in each.skipped_by_cause.items():
        share = Share(skipped, max(runs.get(cause, skipped), skipped))
        if share.whole < ENOUGH or share.value <= MOSTLY:
            continue
        why = f"it is skipped in {share.part} of {share.whole} runs after {name_of(cause)}{_because(each)}"
        yield Advice(each.name, _for_skipped(each), why, float(skipped))
        return


def _because(each: HandlerAnswer) -> str:
    reason = max(each.reasons, key=lambda text: each.reasons[text], default="")
    return f": {name_of(reason)}" if reason else ""


def _for_skipped(each: HandlerAnswer) -> str:
    reasons = " ".join(each.reasons)
    if "needs" in reasons and "no room" not in reasons:
        return "see to what it needs, which fails; or take it out of `needs`"
    faster = f" or quicker than {each.p50_s:.2f} s" if each.p50_s else ""
    if each.importance == "must":
        return f"a longer grace, or make it earlier{faster}: it is `must`, and hardly ever runs"
    higher = "should" if each.importance == "may" else "must"
    quicker = f"make it{faster.removeprefix(' or') or ' quicker'}, or leave it out"
    return f"importance {each.importance} -> {higher} if it matters; else {quicker}"


def _timeout(each: HandlerAnswer) -> Iterator[Advice]:
    """Compare the time-out with what is used of it."""
    done, cut = each.outcomes.get("done", 0), each.outcomes.get("timed_out", 0) + each.outcomes.get("abandoned", 0)
    p95, timeout = each.p95_s, each.timeout_s
    if cut and Share(cut, each.runs).bounds()[0] > 0.01:
        yield _for_cut(each, done, cut)
    elif timeout is not None and p95 is not None and done >= ENOUGH and timeout > NEVER_NEAR * p95:
        enough = max(ROOM * p95, LEAST_TIMEOUT_S)
        if timeout >= 2 * enough:
            why = f"it took {p95:.2f} s at p95 of {done} runs, and its time-out is {timeout:g} s"
            why += ": a hang would hold the others up as long"
            yield Advice(each.name, f"timeout {timeout:g}s -> {rounded(enough)}", why, 0.01 * done)


def _for_cut(each: HandlerAnswer, done: int, cut: int) -> Advice:
    p95, timeout = each.p95_s, each.timeout_s
    why = f"its time was up in {cut} of {each.runs} runs"
    if p95 is None or done < ENOUGH:
        return Advice(
            each.name,
            "find out where it hangs: the report has its stack",
            f"{why}, and {f'{done} were done, too few to tell more' if done else 'it was never done'}",
            float(cut),
        )
    if timeout is None:
        why += f", and it has no time-out of its own; those that were done took {p95:.2f} s at p95"
        return Advice(each.name, f"timeout {rounded(max(ROOM * p95, LEAST_TIMEOUT_S))}, and a retry", why, float(cut))
    if p95 >= 0.5 * timeout:
        why += f", and those that were done took {p95:.2f} s at p95 of {timeout:g} s"
        return Advice(each.name, f"timeout {timeout:g}s -> {rounded(2 * max(p95, timeout))}", why, float(cut))
    why += f", though those that were done took only {p95:.2f} s at p95 of {timeout:g} s"
    enough = max(ROOM * p95, LEAST_TIMEOUT_S)
    change = f"timeout {timeout:g}s -> {rounded(enough)} and a retry" if enough < timeout else "find out where it hangs"
    return Advice(each.name, f"{change}: the report has its stack", f"{why}: more time does not help", float(cut))
