"""An overview, put together from what was counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..accounts.entry import KILLED
from ..hints import Any
from .answers import Counts, Entry, Group, Overview, Question
from .buckets import quantile
from .counting import Counting, day_name
from .handlers import answers
from .marks import found_marks
from .names import OTHERS
from .sql import Database

MOST_GROUPS = 50
"""How many of a kind are named; the rest are put together."""
MOST_DAYS = 1_100
"""How many days are told; the oldest are left out."""
RECENT = 20
"""How many runs are told one by one."""
_SERVICE, _VERSION, _ZONE, _DEPLOYMENT, _CAUSE = range(5)
_SKEW_S = 300.0


def overview(database: Database, question: Question, now: float, recent: tuple[Entry, ...]) -> Overview:
    """Return what the *database* knows, at the date *now*; *recent* are the newest runs."""
    counting = Counting(database, question, now)
    groups = _Groups(counting)
    firsts = [found[1] for found in counting.days.values()]
    causes, zones = groups.by(_CAUSE), groups.by(_ZONE)
    days = [groups.day(day) for day in sorted({key[1] for key in counting.days})]
    troubles = [*counting.troubles, *_ahead(database, now), *_shortened(counting, days)]
    return Overview(
        question=question,
        counts=_counts(counting.days.items()),
        first=min(firsts, default=0.0),
        last=max((found[2] for found in counting.days.values()), default=0.0),
        services=_most(groups.by(_SERVICE)),
        days=tuple(days[-MOST_DAYS:]),
        causes=_most(causes),
        versions=_newest(groups.by(_VERSION)),
        zones=_most(zones),
        deployments=_most(groups.by(_DEPLOYMENT)),
        pairs=_pairs(counting, {group.name for group in causes}, {group.name for group in zones}),
        handlers=answers(database, counting),
        marks=found_marks(database, question),
        recent=recent,
        troubles=tuple(troubles),
    )


class _Groups:
    """The runs by what they have in common."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    def by(self, field: int) -> list[Group]:
        """Return the groups by one field of the cells."""
        cells = self._counting.cells
        return self._made(
            lambda key: cells[key[0]][field],
            self._counting.days.items(),
            ((cells[cell][field], step, n) for (cell, step), n in self._counting.times.items()),
        )

    def day(self, day: int) -> Group:
        """Return the group of one day."""
        if not hasattr(self, "_days"):
            times = ((number, step, n) for (number, step), n in self._counting.times_by_day.items())
            made = self._made(lambda key: key[1], self._counting.days.items(), times)
            self._days = {int(group.name): group for group in made}
        return self._days[day].replace(name=day_name(day))

    def _made(
        self, name_of: Callable[[Any], Any], days: Iterable[Any], times: Iterable[tuple[Any, int, int]]
    ) -> list[Group]:
        members: dict[Any, list[Any]] = {}
        steps: dict[Any, dict[int, int]] = {}
        for key, found in days:
            members.setdefault(name_of(key), []).append((key, found))
        for name, step, n in times:
            counted = steps.setdefault(name, {})
            counted[step] = counted.get(step, 0) + n
        return [
            Group(
                str(name),
                _counts(found),
                quantile(steps.get(name, {}), 0.5),
                quantile(steps.get(name, {}), 0.95),
                min(each[1] for _, each in found),
            )
            for name, found in members.items()
        ]


def _counts(days: Iterable[tuple[Any, Sequence[float]]]) -> Counts:
    by: dict[str, int] = {}
    for (_, _, verdict), found in days:
        by[verdict] = by.get(verdict, 0) + int(found[0])
    known = {name: by.get(name, 0) for name in ("clean", "degraded", "forced", KILLED, "crashed")}
    return Counts(runs=sum(known.values()), cancelled=by.get("cancelled", 0), **known)


def _most(groups: list[Group]) -> tuple[Group, ...]:
    """Return the most frequent first, and of too many the rest together."""
    ordered = sorted(groups, key=lambda group: (-group.counts.runs, group.name))
    return _bounded(ordered)


def _newest(groups: list[Group]) -> tuple[Group, ...]:
    return _bounded(sorted(groups, key=lambda group: (-group.first, group.name)))


def _bounded(groups: list[Group]) -> tuple[Group, ...]:
    """Put those beyond the most that are named, and those that stand for others already, together."""
    named = [group for group in groups if group.name != OTHERS]
    rest = [group for group in groups if group.name == OTHERS] + named[MOST_GROUPS:]
    if not rest:
        return tuple(named)
    sums = {name: sum(getattr(group.counts, name) for group in rest) for name in Counts.fields}
    alone = rest[0] if len(rest) == 1 else Group(OTHERS, Counts())
    others = Group(OTHERS, Counts(**sums), alone.p50_s, alone.p95_s, min(group.first for group in rest))
    return (*named[:MOST_GROUPS], others)


def _pairs(counting: Counting, causes: set[str], zones: set[str]) -> tuple[tuple[str, str, Counts], ...]:
    """Return cause and zone together, the most frequent first."""
    members: dict[tuple[str, str], list[Any]] = {}
    for key, found in counting.days.items():
        cell = counting.cells[key[0]]
        if cell[_CAUSE] in causes and cell[_ZONE] in zones:
            members.setdefault((cell[_CAUSE], cell[_ZONE]), []).append((key, found))
    pairs = [(cause, zone, _counts(found)) for (cause, zone), found in members.items()]
    return tuple(sorted(pairs, key=lambda pair: (-pair[2].runs, pair[:2])))[: 2 * MOST_GROUPS]


def _ahead(database: Database, now: float) -> list[str]:
    """Say it where runs are dated in the future: the clock of their node is ahead."""
    sql = "SELECT began, node, instance FROM runs WHERE began > ? ORDER BY began DESC LIMIT 1"
    for began, node, instance in database.rows(sql, (now + _SKEW_S,)):
        where = ascii(node or instance)[1:-1] or "a node"
        text = f"runs of {where} are dated up to {began - now:.0f} s in the future: its clock is ahead"
        return [f"{text}, or that of this host is behind; their days and order are not right"]
    return []


def _shortened(counting: Counting, days: Sequence[Group]) -> list[str]:
    """Say what there was no room for."""
    found = []
    if any(OTHERS in cell for cell in counting.cells.values()):
        text = "there are more different versions, zones, deployments or causes than can be told apart"
        found.append(f"{text}: what came last is counted as {OTHERS}")
    if len(days) > MOST_DAYS:
        found.append(f"of {len(days)} days the last {MOST_DAYS} are told")
    return found
