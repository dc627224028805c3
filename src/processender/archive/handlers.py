"""The handlers of an overview: of one service and name, over all versions, with the newest beside the one before."""

from __future__ import annotations

from collections.abc import Iterable

from ..accounts.reading import OUTCOMES
from ..core.labels import OTHERS
from .answers import HandlerAnswer
from .buckets import lanes, quantile
from .counting import Counting
from .names import kind_of
from .sentences import ENOUGH
from .sql import Database
from .sums import LANES, RETRIES

MOST = 200
"""How many handlers are told: the slowest."""
MOST_REASONS = 5
_NONE = (0,) * (RETRIES + 1)
_Key = tuple[str, str]


class _Seen:
    """What is found of one handler."""

    def __init__(self) -> None:
        self.phase = self.importance = ""
        self.seen = -1.0
        self.timeout: float | None = None
        self.outcomes: dict[str, int] = {}
        self.reasons: dict[str, int] = {}
        self.examples: dict[str, str] = {}
        """The first text of each kind of reason; each version, and each host, has one of its own."""
        self.skipped: dict[str, int] = {}
        self.retries = 0
        self.times = 0
        self.by_version: dict[str, int] = {}

    def about(self, phase: str, importance: str, timeout: float | None, seen: float) -> None:
        """Keep what the last run says."""
        if seen >= self.seen:
            self.phase, self.importance, self.timeout, self.seen = phase, importance, timeout, seen


def answers(database: Database, counting: Counting) -> tuple[HandlerAnswer, ...]:
    """Return the handlers of what was counted, the slowest first."""
    found: dict[_Key, _Seen] = {}
    of: dict[int, tuple[_Seen, tuple[str, ...]]] = {}
    for number, cell, name, phase, importance, timeout, seen in database.rows("SELECT * FROM handlers"):
        about = counting.cells.get(cell)
        if about is not None:
            handler = found.setdefault((about[0], name), _Seen())
            handler.about(phase, importance, timeout, seen)
            of[number] = (handler, about)
    for number, counts in counting.deeds.items():
        handler, about = of[number]
        *ends, retries = (*lanes(counts), *_NONE)[: RETRIES + 1]
        for outcome, n in zip(OUTCOMES, ends, strict=True):
            _add(handler.outcomes, outcome, n)
        handler.retries += retries
        _add(handler.skipped, about[4], ends[LANES["skipped"]])
    for number, times in counting.spans.items():
        handler, about = of[number]
        handler.times += times
        handler.by_version[about[1]] = handler.by_version.get(about[1], 0) + times
    _add_reasons(database, counting, of)
    versions = _versions(counting)
    made = [_answer(key, handler, versions.get(key[0], [])) for key, handler in found.items() if handler.outcomes]
    made.sort(key=lambda each: (-(each.p95_s or 0.0), each.service, each.name))
    return tuple(made[:MOST])


def _add_reasons(database: Database, counting: Counting, of: dict[int, tuple[_Seen, tuple[str, ...]]]) -> None:
    if not counting.whys:
        return
    for number, handler, text in database.rows("SELECT * FROM reasons"):
        n = counting.whys.get(number)
        if n and handler in of:
            seen, kind = of[handler][0], kind_of(text)
            _add(seen.reasons, seen.examples.setdefault(kind, text), n)


def _versions(counting: Counting) -> dict[str, list[str]]:
    """Return the versions of each service, the newest first: the one whose first run came last."""
    firsts: dict[_Key, float] = {}
    for (cell, _), (_, first, _) in counting.by_cell.items():
        about = counting.cells[cell]
        if about[1] not in {"", OTHERS}:
            firsts[about[0], about[1]] = min(first, firsts.get((about[0], about[1]), first))
    ordered: dict[str, list[str]] = {}
    for service, version in sorted(firsts, key=lambda key: -firsts[key]):
        ordered.setdefault(service, []).append(version)
    return ordered


def _answer(key: _Key, handler: _Seen, versions: list[str]) -> HandlerAnswer:
    timed = [version for version in versions if handler.by_version.get(version)]
    newest, before = (*timed[:2], None, None)[:2]
    few = any(sum(lanes(handler.by_version[version])) < ENOUGH for version in timed[:2])
    return HandlerAnswer(
        service=key[0],
        name=key[1],
        phase=handler.phase,
        importance=handler.importance,
        runs=sum(handler.outcomes.values()),
        outcomes=_most(handler.outcomes.items()),
        reasons=dict(list(_most(handler.reasons.items()).items())[:MOST_REASONS]),
        skipped_by_cause=_most(handler.skipped.items()),
        retries=handler.retries,
        p50_s=quantile(handler.times, 0.5),
        p95_s=quantile(handler.times, 0.95),
        version=newest or next(iter(versions), ""),
        newest_p95_s=None if newest is None else quantile(handler.by_version[newest], 0.95),
        before_p95_s=None if before is None or few else quantile(handler.by_version[before], 0.95),
        timeout_s=handler.timeout,
    )


def _most(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the most frequent first."""
    return dict(sorted(counts, key=lambda item: (-item[1], item[0])))


def _add(counts: dict[str, int], key: str, n: int) -> None:
    if n:
        counts[key] = counts.get(key, 0) + n
