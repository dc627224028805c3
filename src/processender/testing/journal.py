"""What every journal must do, whatever it is kept on: one suite that a store of your own passes, too."""

from __future__ import annotations

from collections.abc import Callable

from ..core.obligation import Entry, Kind, Obligation, State, intent
from ..errors import JournalError, ObligationError
from ..keepers import Journal

THING = Obligation("1", "vm", "build-7", "vm", {"region": "eu"}, job="7", outlives=("0",), created=5.0)


def check_journal(make: Callable[[], Journal]) -> list[str]:
    """
    Try all that a journal promises on fresh ones from *make*; return the names of the facts that hold.

    Raise `AssertionError` that names the first fact that does not hold. One line in a test:

        assert check_journal(lambda: MyJournal(...))
    """
    held = []
    for fact in _FACTS:
        journal = make()
        try:
            assert fact(journal), f"{type(journal).__name__} breaks its promise: {fact.__doc__}"
        finally:
            journal.close()
        held.append(fact.__name__.lstrip("_"))
    return held


def _what_was_begun_is_live(journal: Journal) -> bool:
    """What was begun is live, with everything that its releaser needs."""
    journal.append(intent(THING))
    return [each.obligation for each in journal.live()] == [THING]


def _the_real_id_is_kept(journal: Journal) -> bool:
    """The real id is known after the effect."""
    journal.append(intent(THING))
    journal.append(Entry(Kind.ACQUIRED, "1", {"ref": "i-42"}))
    standing = journal.standing("1")
    return standing is not None and (standing.state, standing.obligation.ref) == (State.ACQUIRED, "i-42")


def _what_was_released_is_gone(journal: Journal) -> bool:
    """What was released is owed no longer."""
    journal.append(intent(THING))
    journal.append(Entry(Kind.RELEASED, "1"))
    return journal.standing("1") is None and not journal.live()


def _the_order_is_kept(journal: Journal) -> bool:
    """The live set comes in the order in which it was begun."""
    ids = [str(number) for number in range(100)]
    for id_ in ids:
        journal.append(intent(THING.replace(id=id_)))
    return ids == [each.obligation.id for each in journal.live()]


def _a_contradiction_is_refused(journal: Journal) -> bool:
    """An entry that contradicts those before it is refused, and changes nothing."""
    try:
        journal.append(Entry(Kind.RELEASED, "nobody"))
    except ObligationError:
        return not journal.live()
    return False


def _tokens_only_grow(journal: Journal) -> bool:
    """Each attempt has a higher fencing token than the one before."""
    journal.append(intent(THING))
    tokens = []
    for _ in range(3):
        journal.append(Entry(Kind.RELEASING, "1"))
        standing = journal.standing("1")
        tokens.append(standing.token if standing is not None else 0)
    return tokens == sorted(set(tokens)) and tokens[0] > 0


def _nothing_is_taken_after_the_end(journal: Journal) -> bool:
    """A journal that is closed takes nothing, and says so."""
    journal.close()
    try:
        journal.append(intent(THING))
    except JournalError:
        return True
    return False


_FACTS = (
    _what_was_begun_is_live,
    _the_real_id_is_kept,
    _what_was_released_is_gone,
    _the_order_is_kept,
    _a_contradiction_is_refused,
    _tokens_only_grow,
    _nothing_is_taken_after_the_end,
)
