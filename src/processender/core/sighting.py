"""
What a look at a platform shows, and what of it is news: pure, so that every lie of an endpoint is a row of a table.

Theory of operation. A platform repeats itself: it shows what is going to happen at each look, and no longer when that
is called off. Each thing has a key. A key that is new is told, one that has changed is told again, and one that can be
called off and is missing at two looks in a row is taken back. A look that failed shows nothing, and is not compared.
Deadlines come as seconds since 1970 and are turned into the monotonic clock once, as they are heard, so no step of the
wall clock moves them.
"""

from __future__ import annotations

from collections.abc import Sequence

from .labels import printable
from .notice import Action, DeadlineKind, Notice
from .record import Record
from .spans import LONGEST_S

STALE_S = 120.0
"""A deadline that passed longer ago is of an end that has not come."""
FAR_S = 3600.0
"""An end that is further away than this begins when it is time, and not now."""
MOVED_S = 1.0
"""How much a deadline must move to be news."""
GONE = 2
"""At how many looks in a row a thing must be missing to have been called off."""
MOST = 64
"""How many things are kept at once; an endpoint that shows more is lying."""

_WEIGHT = {Action.RESUME: 0, Action.ADVISE: 1, Action.DRAIN: 2, Action.STOP_BY: 3, Action.STOP: 4}


class Sighting(Record):
    """One thing that a platform shows at one look."""

    key: str
    """What it is called there; the same at each look."""
    cause: str
    """Why, in the platform's own word."""
    action: Action = Action.STOP
    """What it asks for."""
    deadline: float | None = None
    """When the process will be gone, seconds since 1970, if the platform says."""
    within: float | None = None
    """In how many seconds from now instead, where that is only known by rule."""
    kind: DeadlineKind = DeadlineKind.TOLD
    """How far the deadline can be trusted."""
    can_cancel: bool = False
    """Whether the platform may call it off, by showing it no longer."""
    moves: bool = False
    """Whether the platform may put it off; otherwise only an earlier deadline is news."""
    extends: bool = False
    """Whether the deadline is later because more time was asked for, and given."""
    about: str = ""
    """What the platform says beside, for the record."""


class Sightings:
    """What one source has told, against what it sees now."""

    def __init__(self, origin: str) -> None:
        """Take the *origin* of the notices; nothing has been told."""
        self._origin = origin
        self._told: dict[str, tuple[Sighting, Action, float | None]] = {}
        self._missing: dict[str, int] = {}
        self.stale: list[str] = []
        """Why something was not told at the last comparison."""

    def compare(self, seen: Sequence[Sighting], now: float, wall: float, *, whole: bool = True) -> list[Notice]:
        """
        Return what is to be told after a look that has *seen* this.

        Args:

            seen: What the platform shows.

            now: Seconds on the monotonic clock.

            wall: The platform's own time at that instant, seconds since 1970.

            whole: Whether that is all; otherwise what is missing is not called off.
        """
        self.stale = []
        notices = [self._look_at(each, now, wall) for each in seen[:MOST]]
        keys = {each.key for each in seen}
        for key in keys:
            self._missing.pop(key, None)
        back = [self._missed(key, now) for key in self._told if whole and key not in keys]
        for notice in (gone for gone in back if gone is not None):
            del self._told[notice.key]
            notices.append(notice)
        return [notice for notice in notices if notice is not None]

    def _look_at(self, seen: Sighting, now: float, wall: float) -> Notice | None:
        before = self._told.get(seen.key)
        action, left = _believed(seen, wall)
        if before is not None and not _is_news(seen, action, before):
            return None
        if left is not None and left < -STALE_S:
            self.stale.append(f"{seen.cause} was to happen {-left:.0f} s ago, and did not")
            return None
        if before is None and len(self._told) >= MOST:
            return None
        # Of what is over although we live, nobody knows how long yet, and the configured grace counts.
        deadline, kind = (None if left is None or left <= 0 else now + left), seen.kind
        if deadline is None and before is not None and before[2] is not None and before[2] > now:
            deadline, kind = before[2], DeadlineKind.ASSUMED
        self._told[seen.key] = (seen, action, deadline)
        return Notice(
            printable(seen.cause), self._origin, now, action, deadline, kind, can_cancel=seen.can_cancel,
            extends=seen.extends, sender=printable(seen.about), key=seen.key,
        )  # fmt: skip

    def _missed(self, key: str, now: float) -> Notice | None:
        seen, action, _ = self._told[key]
        if not seen.can_cancel:
            # What cannot be called off stays told, whatever a flapping endpoint shows.
            return None
        self._missing[key] = self._missing.get(key, 0) + 1
        if self._missing[key] < GONE:
            return None
        del self._missing[key]
        back = Action.ADVISE if action is Action.ADVISE else Action.RESUME
        cause = f"{printable(seen.cause)} called off"
        return Notice(cause, self._origin, now, back, sender=printable(seen.about), key=key)


def _believed(seen: Sighting, wall: float) -> tuple[Action, float | None]:
    """Return what *seen* asks for now, and in how many seconds it says that the process will be gone."""
    left = seen.within if seen.deadline is None else seen.deadline - wall
    if left != left:  # noqa: PLR0124 - only what is no number differs from itself
        left = None
    if left is None or seen.action not in {Action.STOP, Action.STOP_BY}:
        return seen.action, left if left is not None and left <= LONGEST_S else None
    if left > LONGEST_S:
        return Action.ADVISE, None
    if left > FAR_S:
        return Action.STOP_BY, left
    return (seen.action, left) if left > 0 else (Action.STOP, left)


def _is_news(seen: Sighting, action: Action, before: tuple[Sighting, Action, float | None]) -> bool:
    """Tell whether *seen*, which asks for *action* now, is more than what was told *before*."""
    old, told, _ = before
    if seen.action is not old.action:
        # Less is never asked for: who calls an end off shows it no longer.
        return _WEIGHT[seen.action] > _WEIGHT[old.action]
    if told is Action.ADVISE and action is not told:
        return True
    # Compared as the platform writes them, so that no step of a clock looks like another deadline.
    if seen.deadline is None or old.deadline is None:
        return seen.deadline is not None
    return seen.deadline < old.deadline - MOVED_S or (seen.moves and seen.deadline > old.deadline + MOVED_S)
