"""Whether an end was good: each assertion is a pure function of what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from ..core.graph import nearest
from ..core.record import Record
from ..core.texts import counted, listed
from .evidence import STARTS, Evidence, Finding, Stretch, named
from .load import told_of

SLACK_S = 0.002
"""By how much times in a report may be off: they are written with rounded instants."""

_BLIND_S = 0.2
"""For how long clients may not know whether it is ready, before that is said with the requests that they have lost."""


class Wanted(Record):
    """What is asserted."""

    assertions: tuple[str, ...]
    """The names of the assertions."""
    order: tuple[tuple[str, ...], ...] = ()
    """Chains of handlers, each of which must have ended before the next begins."""
    needs: tuple[tuple[str, ...], ...] = ()
    """Chains of handlers, each of which must be done, or the next must not run."""
    exit: tuple[int, ...] | None = None
    """The exit codes that are good; None for 0 and those of the signals."""
    faulty: tuple[str, ...] = ()
    """The handlers to which something happens on purpose."""
    explicit: bool = False
    """Whether somebody has named the assertions, so that one of which nothing can be seen does not hold."""


def judge(wanted: Wanted, seen: Evidence) -> list[Finding]:
    """Return what is wrong with what was *seen*; nothing else is said of what has not even started."""
    if seen.trouble:
        return [Finding(STARTS, seen.trouble)]
    found = [Finding("fault", text) for text in _faults(wanted, seen)]
    for name in wanted.assertions:
        found += [Finding(name, text) for text in JUDGES[name](wanted, seen)]
    return found


def _faults(wanted: Wanted, seen: Evidence) -> list[str]:
    """Tell which faults have not come true: a rehearsal of nothing must not pass."""
    names = seen.by_name
    odd = [name for name in wanted.faulty if name not in names]
    found = [
        f"nothing has happened to {name!r}: no report tells of such a handler{nearest(name, names)}" for name in odd
    ]
    return [*found, *([seen.missed] if seen.missed else [])]


def not_kept(seen: Evidence) -> list[str]:
    """Return the ids of the requests that were answered and that nobody has kept, where somebody should."""
    if seen.kept is None:
        return []
    words = _kept_words(seen.kept)
    return [each.id for each in seen.answers if not each.lost and not words[each.id]]


def _kept_words(kept: str) -> Counter[str]:
    """Count the words; an id is found as a whole one: 1-2 is not in 1-21."""
    return Counter(kept.replace('"', " ").replace(",", " ").split())


def _no_request_lost(wanted: Wanted, seen: Evidence) -> list[str]:
    found = []
    if any(each.lost for each in seen.answers):
        text = told_of(list(seen.answers), seen.began)
        found.append(f"{text}; fail readiness first, serve on until clients have noticed, and end what is in flight")
        if seen.blind > _BLIND_S:
            found[-1] += (
                f"; it took {seen.blind:.2f} s to ask whether it is ready: a busy machine is fairer with --jobs 1"
            )
    if seen.loaded and not seen.answers and not seen.again:
        found.append("no request was made in all that time, so none can be missed; see whether it answers")
    elif not seen.answers and wanted.explicit:
        found.append("no request was made, so none can be missed; give [rehearsal.load] a url")
    if seen.kept is None:
        return found
    gone = not_kept(seen)
    double = [name for name, times in _kept_words(seen.kept).items() if times > 1]
    if gone:
        text = f"{counted(len(gone), 'request was', 'requests were')} answered and not kept: {listed(gone)}"
        found.append(f"{text}; what was answered must be written before the process is gone")
    if double:
        text = f"{counted(len(double), 'request is', 'requests are')} kept more than once: {listed(double)}"
        found.append(f"{text}; something has run twice that must not")
    return found


def _order(wanted: Wanted, seen: Evidence) -> list[str]:
    by_name = seen.by_name
    if (wanted.order or wanted.needs) and not seen.accounts:
        return ["there is no report, so nobody knows in which order the handlers ran"]
    found = []
    for chain in (*wanted.order, *wanted.needs):
        unknown = [name for name in chain if name not in by_name]
        if unknown:
            found.append(f"no report tells of {listed(map(repr, unknown))}; known: {listed(by_name) or 'none'}")
            continue
        pairs = [pair for first, then in pairwise(chain) for pair in _pairs(seen, first, then)]
        found += [text for first, then in pairs if (text := _disorder(first, then, chain in wanted.needs))]
    return list(dict.fromkeys(found))


def _pairs(seen: Evidence, first: str, then: str) -> list[tuple[Stretch, Stretch]]:
    """Return both handlers, of each process that has both, or of two of which each has one."""
    by_process = [named(process) for process in seen.processes]
    of_one = [(each[first], each[then]) for each in by_process if first in each and then in each]
    return of_one or [(seen.by_name[first], seen.by_name[then])]


def _disorder(first: Stretch, then: Stretch, needed: bool) -> str:
    """Return what is wrong between two handlers, of which the second may be one that needs the first."""
    if then.began is None:
        return ""
    if first.ended is not None and first.began is not None and then.began < first.ended - SLACK_S:
        over = first.ended - then.began
        return f"{then.name!r} began {over:.3f} s before {first.name!r} had ended; let it need {first.name!r}"
    if first.began is None or first.ended is None or (needed and first.outcome != "done"):
        how = f"ended {first.outcome}" if first.outcome else "has not ended"
        return f"{then.name!r} has run, and {first.name!r}, which it stands on, {how}; let it need {first.name!r}"
    return ""


def _must_done(wanted: Wanted, seen: Evidence) -> list[str]:
    if not seen.accounts:
        return ["there is no report, so nobody knows what was done"] if wanted.explicit else []
    found = []
    for each in seen.stretches:
        if each.importance == "must" and each.outcome != "done":
            how = each.outcome.replace("_", " ") or "was cut"
            found.append(f"{each.name!r} must be done and {'ended ' if each.outcome else ''}{how}: {each.reason}")
    return [text.removesuffix(": ") for text in found]


def _nothing_left(_wanted: Wanted, seen: Evidence) -> list[str]:
    return [f"{each} is left behind" for each in seen.left]


def _within_window(_wanted: Wanted, seen: Evidence) -> list[str]:
    if not seen.killed:
        late = [each for each in seen.stretches if each.outcome in {"timed_out", "abandoned"} and each.timeout is None]
        return [f"{each.name!r} ended only because the window did: {each.reason}; give it a timeout" for each in late]
    open_ = [each for each in seen.stretches if each.outcome in {"", "abandoned"} and each.began is not None]
    what = f"; still at work: {listed(each.name for each in open_)}" if open_ else ""
    return [f"it was killed, still there {seen.window:g} s after the end began{what}; give what may hang a timeout"]


def _exit_code(wanted: Wanted, seen: Evidence) -> list[str]:
    of_signals = [code for number in seen.signals for code in (-number, 128 + number)]
    good = (0, *of_signals) if wanted.exit is None else wanted.exit
    if seen.killed or seen.exit in good:
        return []
    code = f"died of signal {-seen.exit}" if seen.exit is not None and seen.exit < 0 else f"left with {seen.exit}"
    return [f"it {code}, and good is {listed(map(str, good))}; platforms take another code for a crash"]


Judge = Callable[[Wanted, Evidence], list[str]]
JUDGES: dict[str, Judge] = {
    "no-request-lost": _no_request_lost,
    "order": _order,
    "must-done": _must_done,
    "nothing-left-behind": _nothing_left,
    "within-window": _within_window,
    "exit-code": _exit_code,
}
"""What is wrong, in words, by the name of the assertion; `idempotent` compares several runs and is not here."""
BY_DEFAULT: Sequence[str] = tuple(JUDGES)
"""What is asserted where nobody says it."""
