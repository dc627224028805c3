"""An overview, put together from what was counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..core.labels import OTHERS
from ..hints import Any
from .answers import ENDS, Counts, Entry, Group, Overview, Question
from .buckets import quantile
from .counting import Counted, Counting
from .days import DAY_S, MOST_DAYS, day_of
from .handlers import answers
from .marks import found_marks
from .sql import Database

MOST_GROUPS = 50
"""How many of a kind are named; the rest are put together."""
RECENT = 20
"""How many runs are told one by one."""
_SERVICE, _VERSION, _ZONE, _DEPLOYMENT, _CAUSE = range(5)
_SKEW_S = 300.0
_Found = tuple[str, Sequence[float]]


class _Members:
    """The runs that have something in common, and how long they took."""

    def __init__(self) -> None:
        self.found: list[_Found] = []
        self.times = 0

    def group(self, name: str) -> Group:
        """Return them as a group."""
        quantiles = quantile(self.times, 0.5), quantile(self.times, 0.95)
        return Group(name, _counts(self.found), *quantiles, min(each[1][1] for each in self.found))


def overview(database: Database, question: Question, now: float, recent: tuple[Entry, ...]) -> Overview:
    """Return what the *database* knows, at the date *now*; *recent* are the newest runs."""
    counting = Counting(database, question, now)
    found = [(verdict, each) for (_, verdict), each in counting.by_cell.items()]
    days = sorted(_members(counting.by_day, counting.times_by_day, lambda day: day).items())
    return Overview(
        question=question,
        counts=_counts(found),
        first=min((each[1] for _, each in found), default=0.0),
        last=max((each[2] for _, each in found), default=0.0),
        services=_most(_by(counting, _SERVICE)),
        days=tuple(members.group(day_of(day * DAY_S)) for day, members in days[-MOST_DAYS:]),
        causes=_most(_by(counting, _CAUSE)),
        versions=_newest(_by(counting, _VERSION)),
        zones=_most(_by(counting, _ZONE)),
        deployments=_most(_by(counting, _DEPLOYMENT)),
        pairs=_pairs(counting),
        handlers=answers(database, counting),
        marks=found_marks(database, question),
        recent=recent,
        troubles=(*counting.troubles, *_ahead(database, now), *_shortened(counting, len(days))),
    )


def _by(counting: Counting, field: int) -> dict[str, _Members]:
    cells = counting.cells
    return _members(counting.by_cell, counting.times_by_cell, lambda cell: cells[cell][field])


def _members(counted: Counted, times: dict[int, int], name_of: Callable[[int], Any]) -> dict[Any, _Members]:
    members: dict[Any, _Members] = {}
    for (number, verdict), found in counted.items():
        members.setdefault(name_of(number), _Members()).found.append((verdict, found))
    for number, time in times.items():
        members[name_of(number)].times += time
    return members


def _counts(found: Iterable[_Found]) -> Counts:
    by: dict[str, int] = {}
    for verdict, each in found:
        by[verdict] = by.get(verdict, 0) + int(each[0])
    known = {name: by.get(name, 0) for name in ENDS}
    return Counts(runs=sum(known.values()), cancelled=by.get("cancelled", 0), **known)


def _most(members: dict[str, _Members]) -> tuple[Group, ...]:
    """Return the most frequent first."""
    return _bounded(members, lambda each: -sum(found[0] for _, found in each.found))


def _newest(members: dict[str, _Members]) -> tuple[Group, ...]:
    """Return the one whose first run came last first."""
    return _bounded(members, lambda each: -min(found[1] for _, found in each.found))


def _bounded(members: dict[str, _Members], order: Callable[[_Members], float]) -> tuple[Group, ...]:
    """Return groups in their order; those beyond the most that are named, and those without a name, as one."""
    names = sorted(members.keys() - {OTHERS}, key=lambda name: (order(members[name]), name))
    groups = [members[name].group(name) for name in names[:MOST_GROUPS]]
    rest = [*names[MOST_GROUPS:], *({OTHERS} & members.keys())]
    if rest:
        others = _Members()
        for name in rest:
            others.found += members[name].found
            others.times += members[name].times
        groups.append(others.group(OTHERS))
    return tuple(groups)


def _pairs(counting: Counting) -> tuple[tuple[str, str, Counts], ...]:
    """Return cause and zone together, the most frequent first."""
    members: dict[tuple[str, str], list[_Found]] = {}
    for (number, verdict), found in counting.by_cell.items():
        cell = counting.cells[number]
        members.setdefault((cell[_CAUSE], cell[_ZONE]), []).append((verdict, found))
    pairs = [(*names, _counts(found)) for names, found in members.items()]
    return tuple(sorted(pairs, key=lambda pair: (-pair[2].runs, pair[:2])))[: 2 * MOST_GROUPS]


def _ahead(database: Database, now: float) -> list[str]:
    """Say it where runs are dated in the future: the clock of their node is ahead."""
    sql = "SELECT began, node, instance FROM runs WHERE began > ? ORDER BY began DESC LIMIT 1"
    for began, node, instance in database.rows(sql, (now + _SKEW_S,)):
        where = ascii(node or instance)[1:-1] or "a node"
        text = f"runs of {where} are dated up to {began - now:.0f} s in the future: its clock is ahead"
        return [f"{text}, or that of this host is behind; their days and order are not right"]
    return []


def _shortened(counting: Counting, days: int) -> list[str]:
    """Say what there was no room for."""
    found = []
    if any(OTHERS in cell for cell in counting.cells.values()):
        text = "there are more different versions, zones, deployments or causes than can be told apart"
        found.append(f"{text}: what came last is counted as {OTHERS}")
    if days > MOST_DAYS:
        found.append(f"of {days} days the last {MOST_DAYS} are told")
    return found
