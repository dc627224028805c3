"""What the journals of a service hold, read without touching them, whoever has them."""

from __future__ import annotations

import os
from collections.abc import Callable

from .core.obligation import Entry, Ledger, Standing
from .core.record import Record
from .errors import JournalError
from .journal.directory import entries_of
from .journal.disk import SystemDisk
from .journal.replay import replay

Files = tuple[tuple[str, int, int], ...]
"""The files of a journal: the name, when it was written, in nanoseconds since 1970, and the size of each."""


def journal_root(place: str) -> str:
    """Return the directory of all journals of a service, below its *place*."""
    return os.path.join(place, "journal")


def journals_of(place: str) -> list[str]:
    """Return the directories of all journals of a service, whoever has them; raise `JournalError`."""
    return [path for path in entries_of(journal_root(place)) if os.path.isdir(path)]


def last_entry(directory: str) -> float:
    """Return when something was last written into the journal in *directory*, seconds since 1970; 0.0 if unknown."""
    return max((modified / 1e9 for _, modified, _ in files_of(directory)), default=0.0)


def files_of(directory: str) -> Files:
    """Return the names, the times and the sizes of the files of a journal: where they are the same, so is it."""
    try:
        with os.scandir(directory) as entries:
            found = [(each.name, each.stat(follow_symlinks=False)) for each in entries]
    except OSError:
        return ()
    return tuple(sorted((name, state.st_mtime_ns, state.st_size) for name, state in found))


class Look(Record):
    """What a journal holds, read without touching it."""

    standings: tuple[Standing, ...]
    """What it owes."""
    troubles: tuple[str, ...]
    """What is wrong with it."""
    entries: int
    """How many records it has."""
    last: int
    """The highest sequence number."""
    notes: tuple[str, ...] = ()
    """What is no damage, such as a torn record at the end."""


def look(directory: str, take: Callable[[Entry], object] = lambda _entry: None) -> Look:
    """Read the journal in *directory*, whoever holds it, and let *take* have each entry; raise `JournalError`."""
    ledger, count = Ledger(), 0

    def apply(entry: Entry) -> None:
        nonlocal count
        count += 1
        take(entry)
        ledger.apply(entry)

    try:
        found = replay(SystemDisk(), directory, apply)
        live = tuple(ledger.live())
    except JournalError:
        raise
    except OSError as error:
        raise JournalError(f"cannot read the journal {directory}: {error.strerror or error}") from error
    except Exception as error:  # its records may be of hostile hands, and the other journals must be read
        raise JournalError(f"cannot read the journal {directory}: {error!r}") from error
    return Look(live, tuple(found.troubles), count, found.last, tuple(found.notes))
