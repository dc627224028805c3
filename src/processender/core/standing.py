"""What several sources have asked for and not taken back, and the deadline that follows from all of it."""

from __future__ import annotations

from collections.abc import Sequence

from .notice import Action, Deadline, Notice, merge

FLOOD = 64
"""From how many on notices that are put off are a flood."""
FULL = 256
"""How many notices are put off; beyond that only those that ask for the end, or take something back."""
MOST = 128
"""How many notices with a name are kept, and how many without; a source that tells of more repeats itself."""


class Standing:
    """The notices that stand. Those with a name are changed and taken back alone, all others only together."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._named: dict[tuple[str, str], Notice] = {}
        self._nameless: list[Notice] = []

    def take(self, notice: Notice, grace: float) -> None:
        """Take *notice*, which asks for something, in the place of an earlier one of its name."""
        if not notice.key:
            self._take_nameless(notice, grace)
            return
        name = (notice.origin, notice.key)
        old = self._named.get(name)
        if old is not None and old.ends and notice.ends and old.deadline is None and notice.deadline is None:
            # The same again opens no new window.
            notice = notice.replace(at=old.at)
        if old is not None or len(self._named) < MOST or self._makes_room(notice, grace):
            self._named[name] = notice

    def _makes_room(self, notice: Notice, grace: float) -> bool:
        """Forget what matters less than *notice*, another end; tell whether there was anything."""
        if not notice.ends:
            return False
        less = next((name for name, each in self._named.items() if not each.ends), None)
        if less is None and self.deadline(grace) != self._with(notice).deadline(grace):
            # All are ends, and this one changes when: it stands in the place of the last one.
            less = next(reversed(self._named))
        if less is not None:
            del self._named[less]
        return less is not None

    def _with(self, notice: Notice) -> Standing:
        more = Standing()
        more._named = {**self._named, (notice.origin, notice.key): notice}
        more._nameless = self._nameless
        return more

    def _take_nameless(self, notice: Notice, grace: float) -> None:
        """Keep *notice* only if it changes something: a signal may come ten thousand times."""
        before = [each for each in self._nameless if each.action is notice.action]
        changes = _merged(before, grace) != _merged([*before, notice], grace) if notice.ends else not before
        if changes:
            # What is only earlier than the last one stands in its place, and beyond `MOST` whatever changes anything.
            # The first one tells when the window has opened.
            full = len(self._nameless) >= MOST or (len(before) > 1 and _is_only_earlier(notice, self._nameless[-1]))
            self._nameless = [*(self._nameless[:-1] if full else self._nameless), notice]

    def has(self, notice: Notice) -> bool:
        """Tell whether something stands that *notice* takes back."""
        return not notice.key or (notice.origin, notice.key) in self._named

    def without(self, notice: Notice) -> Standing:
        """Return what stands when *notice* takes back what has its name, or everything if it has none."""
        rest = Standing()
        if notice.key:
            gone = (notice.origin, notice.key)
            rest._named = {name: each for name, each in self._named.items() if name != gone}
            rest._nameless = [*self._nameless]
        return rest

    @property
    def ends(self) -> list[Notice]:
        """What asks for the end, in the order in which it was heard."""
        return sorted((each for each in self._all if each.ends), key=lambda each: each.at)

    @property
    def drains(self) -> list[Notice]:
        """What asks only to leave traffic."""
        return [each for each in self._all if each.action is Action.DRAIN]

    @property
    def _all(self) -> list[Notice]:
        return [*self._nameless, *self._named.values()]

    def deadline(self, grace: float) -> Deadline | None:
        """
        Return the deadline of all that asks for the end; None if nothing does.

        What is to happen tomorrow gives no time to an end that is asked for today: it can only shorten it.
        """
        found = _merged([each for each in self.ends if each.action is Action.STOP], grace)
        if found is None:
            return _merged(self.ends, grace)
        for later in (each for each in self.ends if each.action is Action.STOP_BY):
            if later.deadline is not None and later.deadline < found.at:
                found = merge(found, later, grace)
        return found


def _is_only_earlier(notice: Notice, last: Notice) -> bool:
    """Tell whether all that *last* asks for follows from *notice* too, which comes after it."""
    same = (notice.action, notice.kind, notice.extends) == (last.action, last.kind, False)
    return same and None not in {notice.deadline, last.deadline}


def _merged(notices: list[Notice], grace: float) -> Deadline | None:
    found: Deadline | None = None
    for notice in notices:
        found = merge(found, notice, grace)
    return found


def put_off(later: Sequence[Notice], notice: Notice, lasting: str) -> list[Notice]:
    """
    Return what is to be acted on *later*, in its order, with *notice* behind it.

    Where so much waits that it is a flood, what is asked for and taken back before anybody has acted on it is nothing;
    of what is said again the first word counts, and of what is changed the last.

    Args:

        later: What has been put off before.

        notice: What is put off now.

        lasting: The origin of notices that nobody takes back.
    """
    if len(later) < FLOOD:
        return [*later, notice]
    if notice.action is Action.RESUME:
        return [*(each for each in later if each.origin == lasting or not _takes_back(notice, each)), notice]
    if len(later) >= FULL or any(_repeats(notice, each) for each in later):
        return [*later, notice] if notice.ends and len(later) >= FULL else [*later]
    return [*(each for each in later if not _changes(notice, each)), notice]


def _takes_back(notice: Notice, other: Notice) -> bool:
    return not notice.key or (notice.origin, notice.key) == (other.origin, other.key)


def _repeats(notice: Notice, other: Notice) -> bool:
    return notice.replace(at=other.at) == other


def _changes(notice: Notice, other: Notice) -> bool:
    """Tell whether *notice* stands in the place of *other*; less than before is never asked for."""
    same = notice.key and (notice.origin, notice.key) == (other.origin, other.key)
    return bool(same) and (notice.ends or notice.action is other.action) and other.action is not Action.RESUME
