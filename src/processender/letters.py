"""What a human writes into the journals of the dead: that a letter may be tried again, or that its thing is gone."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from .core.obligation import Entry, Kind, Standing, State, retried
from .core.record import Record
from .errors import ProcessEnderError
from .journal.file import FileJournal
from .journal.owner import orphans
from .looking import journal_root, look


class Changed(Record):
    """What was written into the journals of the dead by hand."""

    ids: tuple[str, ...] = ()
    """The obligations that were found."""
    troubles: tuple[str, ...] = ()
    """What could not be read or written."""


def try_again(place: str, wanted: Sequence[str]) -> Changed:
    """Let the next recovery try those *wanted* again that are dead or have failed, all such if there are none."""

    def entry(each: Standing) -> Entry | None:
        if each.state not in {State.DEAD, State.FAILED} or (wanted and each.obligation.id not in wanted):
            return None
        return retried(each)

    return _change(place, entry)


def settle_by_hand(place: str, wanted: Sequence[str], keep: Container[str] = ()) -> Changed:
    """
    Write down that those *wanted* of what the dead have left are gone; their releasers are not called.

    The directories in *keep* stay although they owe nothing any more: the account of the crash is still to come.
    """
    return _change(
        place, lambda each: Entry(Kind.RELEASED, each.obligation.id) if each.obligation.id in wanted else None, keep
    )


def _change(place: str, entry: Callable[[Standing], Entry | None], keep: Container[str] = ()) -> Changed:
    """Append what *entry* makes of each standing of the dead; a journal of which it makes nothing is not touched."""
    ids: list[str] = []
    troubles: list[str] = []
    for found in orphans(journal_root(place)):
        if found.lock is None:
            troubles += [] if found.alive else [f"cannot use {found.directory}: {found.why}"]
            continue
        try:
            if any(entry(each) for each in look(found.directory).standings):
                journal = FileJournal(found.lock, complain=troubles.append)
                try:
                    made = [each for each in map(entry, journal.live()) if each is not None]
                    journal.append(*made)
                    ids += [each.id for each in made]
                finally:
                    journal.close(keep=found.directory in keep)
        except (ProcessEnderError, OSError) as error:
            troubles.append(str(error))
        finally:
            found.lock.release()
    return Changed(tuple(ids), tuple(troubles))
