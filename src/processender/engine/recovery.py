"""
Settling the obligations of an owner that died: the same handlers, the same engine, a window of its own.

Each obligation becomes a handler; what it must outlive becomes an edge, so independent ones are released side by side.
What must outlive something that is still there, and that this recovery does not touch, is left alone.
Neither signals nor last resorts belong to a recovery: it may run in the background of a program that lives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush, merge
from itertools import groupby

from ..core.handler import Handler, Importance
from ..core.obligation import Obligation, Standing, State
from ..core.outcome import Outcome, Result
from ..core.record import Record
from ..core.retry import Retry
from ..errors import Permanent
from ..ports import Clock, Observer
from .aside import SIDE_BY_SIDE, carry_out
from .context import Context
from .registry import Registry
from .settle import Settler

LANE = "recovery"
RETRY = Retry(attempts=3, initial=0.2, maximum=5.0)
"""Within one recovery; the journal counts the attempts over all of them."""


class Settled(Record):
    """What one recovery made of one obligation."""

    obligation: Obligation
    """The thing."""
    state: State
    """Where it stands now."""
    outcome: Outcome | None = None
    """How its handler ended; None when it was left alone."""
    error: str = ""
    """Why it is not released."""
    seconds: float = 0.0
    """How long it took."""


class Estate:
    """What one journal leaves to settle."""

    def __init__(self, settler: Settler, standings: Sequence[Standing]) -> None:
        """Take the journal's *settler* and those of its *standings* that are meant."""
        self.settler = settler
        self.standings = tuple(standings)


_Due = tuple[Estate, Standing]
_Key = tuple[int, str]


class Recovery:
    """One run over the obligations of the dead, from its beginning to its end."""

    def __init__(
        self, clock: Clock, window: float, observers: Iterable[Observer] = (), cause: str = "recovery"
    ) -> None:
        """
        Prepare; nothing is touched before `run`.

        Args:

            clock: The time.

            window: How long the whole may take, seconds.

            observers: What is told of every event, on threads of their own.

            cause: Why this happens, as releasers see it.
        """
        self._clock = clock
        self._window = window
        self._cause = cause
        self._observers = tuple(observers)

    def run(
        self,
        estates: Sequence[Estate],
        *,
        chained: bool = False,
        patient: bool = False,
        others: Iterable[Standing] = (),
    ) -> list[Settled]:
        """
        Settle what is due in *estates* and return what became of each obligation, in their order.

        Args:

            estates: Journals that this process may write to, because their owners are dead or are itself.

            chained: Whether to walk strictly from the newest to the oldest, one after another.

            patient: Whether what has failed before is left alone until its pause is over.

            others: What is owed in other journals, and may have to be gone before.
        """
        due = [
            (estate, each)
            for estate in estates
            for each in estate.standings
            if estate.settler.due(each, patient=patient)
        ]
        there = [*others, *(each for estate in estates for each in estate.settler.journal.live())]
        due, held_back = _in_order(due, [each.obligation for each in there], chained=chained)
        names = _names(due)
        results: dict[str, Result] = {}
        if due:
            registry = Registry(("release",), {LANE: SIDE_BY_SIDE}, ())
            registry.add(*_handlers(due, names, self._window, chained=chained))
            results = carry_out(registry, self._clock, self._window, self._cause, self._observers)
        called = {_key(one): name for one, name in zip(due, names, strict=True)}
        return [
            _settled(
                each,
                results.get(called.get(_key((estate, each)), "")),
                now.get(each.obligation.id),
                held_back.get(_key((estate, each)), ""),
            )
            for estate in estates
            for now in [{live.obligation.id: live for live in estate.settler.journal.live()}]
            for each in estate.standings
        ]


def _key(one: _Due) -> _Key:
    """Return what tells it from all others: the same obligation may be in two journals, one of them a copy."""
    return id(one[0]), one[1].obligation.id


def _in_order(due: Sequence[_Due], there: Sequence[Obligation], *, chained: bool) -> tuple[list[_Due], dict[_Key, str]]:
    """
    Return those of *due* that may be released, and why the others may not: what they must outlive stays.

    Those that can be released stand in the order in which they were made, but each behind all that must outlive it.
    """
    if chained:
        # In one journal the order of the records counts, whatever the clock said; between two only the time can tell.
        own = [list(of_one) for _, of_one in groupby(due, key=lambda one: id(one[0]))]
        due = list(merge(*own, key=lambda one: one[1].obligation.created))
    counts = Counter(each.id for each in there)
    waits = [sum(counts[name] for name in set(each.obligation.outlives)) for _, each in due]
    behind: dict[str, list[int]] = {}
    for place, (_, each) in enumerate(due):
        for name in set(each.obligation.outlives):
            behind.setdefault(name, []).append(place)
    # The newest first, of those that may be next.
    ready = [-place for place, count in enumerate(waits) if not count]
    heapify(ready)
    gone: list[int] = []
    while ready:
        gone.append(-heappop(ready))
        for place in behind.get(due[gone[-1]][1].obligation.id, ()):
            waits[place] -= 1
            if not waits[place]:
                heappush(ready, -place)
    free = set(gone)
    released = Counter(due[place][1].obligation.id for place in gone)
    stays = {each.id: each for each in there if released[each.id] < counts[each.id]}
    stuck = [one for place, one in enumerate(due) if place not in free]
    why = {_key((estate, each)): _stuck(estate, each, stays) for estate, each in stuck}
    return [due[place] for place in (reversed(gone) if chained else sorted(gone))], why


def _stuck(estate: Estate, standing: Standing, stays: Mapping[str, Obligation]) -> str:
    """Return why *standing* cannot be released."""
    obligation = standing.obligation
    if obligation.id in _behind(obligation.id, stays):
        text = f"cannot release {obligation.label}: it must outlive itself, through what it names in outlives"
        # No later recovery could find an order either.
        return estate.settler.give_up(standing, Permanent(f"{text}; release it by hand, then settle it"))
    first = next(stays[name] for name in obligation.outlives if name in stays)
    return f"it must outlive {first.label}, which is still there"


def _behind(id_: str, there: Mapping[str, Obligation]) -> set[str]:
    """Return all that must be gone before *id_* is, as far as it is there."""
    seen: set[str] = set()
    stack = [id_]
    while stack:
        for name in there[stack.pop()].outlives:
            if name in there and name not in seen:
                seen.add(name)
                stack.append(name)
    return seen


def _settled(before: Standing, result: Result | None, now: Standing | None, held_back: str) -> Settled:
    obligation = before.obligation
    if now is None:
        return Settled(obligation, State.RELEASED, None if result is None else result.outcome,
                       seconds=0.0 if result is None else result.seconds)  # fmt: skip
    if held_back:
        return Settled(obligation, now.state, None, held_back)
    if result is None:
        why = now.error if now.state is State.DEAD else f"its pause is not over; {now.error}"
        return Settled(obligation, now.state, None, why)
    error = result.error or result.reason or now.error
    return Settled(obligation, now.state, result.outcome, error, result.seconds)


def _handlers(due: Sequence[_Due], names: Sequence[str], window: float, *, chained: bool) -> list[Handler]:
    of: dict[str, list[str]] = {}
    before: list[tuple[str, ...]] = []
    for (_, each), name in zip(due, names, strict=True):
        copies = of.setdefault(each.obligation.id, [])
        # Of two copies of one obligation the second finds the thing gone: the releaser must not run twice at once.
        before.append(tuple(copies[-1:]))
        copies.append(name)
    following = [*((name,) for name in names[1:]), ()] if chained else before
    return [
        Handler(
            name,
            _call(estate.settler, each.obligation),
            phase="release",
            needs=tuple(other for id_ in each.obligation.outlives for other in of.get(id_, ())),
            after=after,
            importance=Importance.MUST,
            expected=0.0,
            attempt_timeout=window / 2,
            retry=RETRY,
            lane=LANE,
        )
        for (estate, each), name, after in zip(due, names, following, strict=True)
    ]


def _call(settler: Settler, obligation: Obligation) -> Callable[[Context], None]:
    def release(ctx: Context) -> None:
        settler.settle(obligation, ctx)

    return release


def _names(due: Sequence[_Due]) -> list[str]:
    """Return a name for each: what a human knows it by, and enough of its id to be unique."""
    names: dict[str, None] = {}
    for place, (_, each) in enumerate(due):
        label = "".join(letter if letter.isprintable() else "?" for letter in each.obligation.label)
        name = f"{label[:80]} #{each.obligation.id[-12:]}"
        while name in names:
            name += f" {place}"
        names[name] = None
    return list(names)
