"""What an overview says in sentences: what is worse than elsewhere, or than before, by more than chance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

from ..core.labels import OTHERS, printable
from ..core.record import Record
from ..core.texts import counted, listed
from .answers import Counts, Group, HandlerAnswer, Mark, Overview
from .days import day_of
from .shares import Share, percent

PREEMPTED = frozenset({"spot", "preempted"})
"""Causes for which there is a verb."""
ENOUGH = 20
"""From how many runs on anything is compared."""
FEW = 5
"""From how many runs on it is said that a handler was often not done."""
SLOWER, SLOWER_S = 1.3, 0.05
"""A handler has become slower from this factor on, and by at least so many seconds: the times are within 5 %."""
OFTEN = 0.05
"""From which share of its runs on it is said that a handler was not done."""
MOST = 8
"""How many sentences there are at most."""


class Sentence(Record):
    """Something that is to be known of the runs."""

    text: str
    """It, without a full stop."""
    weight: float
    """How many runs it is about; what weighs most is said first."""
    bad: bool = True
    """Whether something is to be done; else it is good to know."""
    about: str = ""
    """Of what: `time`, `version`, `service`, `zone`, `cause`, `deployment`, `handler`, `killed`."""


def sentences(overview: Overview) -> tuple[Sentence, ...]:
    """Return what *overview* says, the gravest first."""
    found = [*_killed(overview), *_versions(overview)]
    found += [each for each in _time(overview) if not _is_explained(each, found, overview)]
    for about, groups in (
        ("service", overview.services),
        ("zone", overview.zones),
        ("cause", overview.causes),
        ("deployment", overview.deployments),
    ):
        found += _stands_out(about, groups, overview.counts)
    found += [*_gathered(overview), *_handlers(overview)]
    found.sort(key=lambda each: (not each.bad, -each.weight))
    if not found and overview.counts.runs < ENOUGH:
        text = f"{counted(overview.counts.runs, 'run')}, too few to compare: from {ENOUGH} on it is told what differs"
        return (Sentence(text, 0.0, bad=False),) if overview.counts.runs else ()
    return tuple(found[:MOST])


def name_of(text: str) -> str:
    """Return the name *text*, which may be anything, as it can stand in a sentence."""
    return printable(text, 60)


def share(counts: Counts) -> Share:
    """Return the share of the runs that ended clean."""
    return Share(counts.clean, counts.runs)


def added(groups: Iterable[Counts]) -> Counts:
    """Return the sum of several."""
    each = tuple(groups)
    return Counts(**{name: sum(getattr(counts, name) for counts in each) for name in Counts.fields})


def _less(counts: Counts, some: Counts) -> Counts:
    return Counts(**{name: max(0, getattr(counts, name) - getattr(some, name)) for name in Counts.fields})


def _killed(overview: Overview) -> Iterator[Sentence]:
    killed, runs = overview.counts.killed, overview.counts.runs
    if killed:
        most = max(overview.causes, key=lambda each: each.counts.killed, default=None)
        where = ""
        if most is not None and most.counts.killed:
            some = f"{most.counts.killed} of them " if most.counts.killed < killed else ""
            where = f", {some}after {name_of(most.name)}"
        text = f"{killed} of {counted(runs, 'run')} began and never ended{where}: SIGKILL, or the power"
        yield Sentence(text, float(killed), about="killed")


def _versions(overview: Overview) -> Iterator[Sentence]:
    """Say which version was the first that was worse, or better, than the one before it."""
    known = [each for each in overview.versions if each.name not in {"", OTHERS}]
    if len(overview.services) > 1:
        return  # versions of one service and of another are not one behind the other
    for newer, older in pairwise(known):
        now, then = share(newer.counts), share(older.counts)
        worse, better = now.below(then), then.below(now)
        if worse or better:
            kind = "worse" if worse else "better"
            text = f"{kind} since {name_of(newer.name)}: {_of(now)} graceful, with {name_of(older.name)} {_of(then)}"
            yield Sentence(text, max(worse, better) * now.whole, bad=bool(worse), about="version")


def _time(overview: Overview) -> Iterator[Sentence]:
    """Say since which day it is worse, or better, and what was marked then."""
    days = [each for each in overview.days if each.counts.runs]
    clean = [0, *accumulate(each.counts.clean for each in days)]
    runs = [0, *accumulate(each.counts.runs for each in days)]
    best, found = 0.0, None
    for cut in range(1, len(days)):
        before = Share(clean[cut], runs[cut])
        after = Share(clean[-1] - clean[cut], runs[-1] - runs[cut])
        gap = max(after.below(before), before.below(after))
        if gap > best:
            best, found = gap, (days[cut].name, before, after)
    if found is not None:
        day, before, after = found
        kind = "worse" if after.value < before.value else "better"
        text = f"{kind} since {day}{_marked(overview.marks, day, days)}: {_of(after)} graceful, before {_of(before)}"
        yield Sentence(text, best * after.whole, bad=kind == "worse", about="time")


def _is_explained(change: Sentence, found: Sequence[Sentence], overview: Overview) -> bool:
    """Tell whether the *change* was said of a version, which then began on that day or just before it."""
    newest = next((each for each in overview.versions if each.name not in {"", OTHERS}), None)
    said = any(each.about == "version" and each.bad == change.bad for each in found)
    return said and newest is not None and day_of(newest.first) in change.text


def _marked(marks: Sequence[Mark], day: str, days: Sequence[Group]) -> str:
    """Return what was marked on that *day* or on the one before, in words; empty for nothing."""
    before = next((earlier.name for earlier, each in pairwise(days) if each.name == day), "")
    near = [each for each in marks if day_of(each.at) in {before, day}]
    near.sort(key=lambda each: (day_of(each.at) != day, each.kind != "incident"))
    texts = list(dict.fromkeys(f"{each.kind} {name_of(each.text)}" for each in near))
    return f" ({', '.join(texts[:2])})" if texts else ""


def _stands_out(about: str, groups: Sequence[Group], counts: Counts) -> Iterator[Sentence]:
    """Say which of the *groups* ends gracefully less often than all others."""
    for each in groups:
        if each.name in {"", OTHERS}:
            continue
        here, elsewhere = share(each.counts), share(_less(counts, each.counts))
        gap = here.below(elsewhere)
        if gap:
            name = name_of(each.name)
            word = {"cause": "after", "service": "with"}.get(about, f"in {about}")
            where = f"{word} {name}"
            text = f"worse {where}: {_of(here)} graceful, otherwise {_of(elsewhere)}"
            yield Sentence(text, gap * here.whole, about=about)


def _gathered(overview: Overview) -> Iterator[Sentence]:
    """Say which cause comes more often in one zone than in the others."""
    by_zone: dict[str, int] = {}
    by_cause: dict[str, int] = {}
    for cause, zone, counts in overview.pairs:
        by_zone[zone] = by_zone.get(zone, 0) + counts.runs
        by_cause[cause] = by_cause.get(cause, 0) + counts.runs
    whole = sum(by_zone.values())
    usual = max(by_cause, key=lambda each: by_cause[each], default="")
    for cause, zone, counts in overview.pairs:
        if OTHERS in {cause, zone} or cause == usual or not (cause and zone):
            continue
        here = Share(counts.runs, by_zone[zone])
        elsewhere = Share(by_cause[cause] - counts.runs, whole - by_zone[zone])
        gap = elsewhere.below(here)
        # Where another cause comes often, the usual one comes less often.
        if gap > 0.05 and here.value > 1.5 * elsewhere.value:
            verb = "preempted often" if cause in PREEMPTED else f"ended often by {name_of(cause)}"
            text = f"{verb} in zone {name_of(zone)}: {_of(here)} ends, elsewhere {_of(elsewhere)}"
            yield Sentence(text, gap * here.whole / 2, bad=cause in PREEMPTED, about="zone")


def _handlers(overview: Overview) -> Iterator[Sentence]:
    for each in overview.handlers:
        name = name_of(f"{each.service}: {each.name}" if len(overview.services) > 1 else each.name)
        now, then = each.newest_p95_s, each.before_p95_s
        if now is not None and then is not None and now > SLOWER * then and now > then + SLOWER_S:
            text = f"{name} is slower since {name_of(each.version)}: {now:.2f} s at p95, {then:.2f} s before"
            yield Sentence(text, each.runs * 0.02, about="handler")
        undone = {outcome: n for outcome, n in each.outcomes.items() if outcome not in {"done", ""}}
        missed = Share(sum(undone.values()), each.runs)
        if each.runs >= FEW and missed.bounds()[0] > OFTEN:
            how = listed(f"{outcome.replace('_', ' ')} {n}" for outcome, n in _most(undone))
            text = f"{name} was not done in {_of(missed)} runs: {how}{_why(each)}"
            yield Sentence(text, float(missed.part), about="handler")


def _why(each: HandlerAnswer) -> str:
    reasons = _most(each.reasons)
    if not reasons:
        return ""
    text, _ = reasons[0]
    return f" ({printable(text, 80)})"


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _of(found: Share) -> str:
    return f"{percent(found.value)} of {found.whole}"
