"""
From a directory of the dead to nothing left behind: adopt what no owner holds any more, settle it, say what remains.

Theory of operation. An owner holds the lock of its journal for as long as it lives, stopped or not, so a lock that can
be taken is that of a dead one; taking it is adopting, and two recoveries never adopt the same journal. What cannot be
released stays in its journal, and with it the directory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from .core.events import Event, RoomEvent, Trouble
from .core.obligation import Entry, Ledger, Standing, State
from .core.record import Record
from .engine.recovery import Estate, Recovery, Settled
from .engine.settle import Settler
from .errors import JournalError, ProcessEnderError
from .hints import ClassVar
from .identity import boot_id
from .journal.disk import SystemDisk
from .journal.file import FileJournal
from .journal.liveness import BUSY
from .journal.owner import OwnerLock, claim, orphan, orphans
from .journal.replay import replay
from .journal.store import FileStore
from .ports import Clock, Journal, Observer, Releaser, StateStore

Find = Callable[[str], Releaser | None]


class LeftAlone(Record):
    """A journal that was not touched."""

    directory: str
    """Where it is."""
    why: str
    """Why: its owner lives, or is stopped, or it cannot be read."""
    alive: bool = True
    """Whether its owner lives."""


class Recovered(Record):
    """What a recovery found, and what became of it."""

    settled: tuple[Settled, ...] = ()
    """Each obligation of the dead."""
    left: tuple[LeftAlone, ...] = ()
    """The journals that were not touched."""
    troubles: tuple[str, ...] = ()
    """What could not be done beside."""

    @property
    def open(self) -> tuple[Settled, ...]:
        """Those that are not released."""
        return tuple(each for each in self.settled if each.state is not State.RELEASED)


class RecoveryEnded(RoomEvent):
    """A recovery came to its end."""

    key: ClassVar[str] = "recovery-ended"

    found: int = 0
    """How many obligations the dead have left."""
    released: int = 0
    """How many of them are gone now."""
    dead: int = 0
    """How many wait in the dead-letter list."""


def journal_root(place: str) -> str:
    """Return the directory of all journals of a service, below its *place*."""
    return os.path.join(place, "journal")


def journals_of(place: str) -> list[str]:
    """Return the directories of all journals of a service, whoever has them."""
    root = journal_root(place)
    names = sorted(os.listdir(root)) if os.path.isdir(root) else []
    return [path for path in (os.path.join(root, name) for name in names) if os.path.isdir(path)]


def open_own(place: str, policy: str, complain: Callable[[str], object]) -> Journal:
    """Make a directory for this process below *place* and open its journal; raise `JournalError`."""
    lock = claim(journal_root(place))
    return FileJournal(lock, policy=policy, complain=complain)


def open_store(place: str, complain: Callable[[str], object]) -> StateStore:
    """Open the states of the service at *place*; raise `JournalError` while another process holds them."""
    return FileStore(os.path.join(place, "state"), complain=complain)


def recover(
    place: str, find: Find, clock: Clock, window: float,
    *, observers: Sequence[Observer] = (), job: str = "", directory: str = "", dry_run: bool = False,
    patient: bool = False,
    found: Callable[[Sequence[Standing]], object] = lambda _standings: None,
) -> Recovered:  # fmt: skip
    """
    Settle what the dead owners below *place* have left and return what became of it.

    Args:

        place: The directory of the service.

        find: Gives the releaser of a registered name, None for an unknown one.

        clock: The time.

        window: How long the whole may take, seconds.

        observers: What is told of every event.

        job: Only what belongs to this job, walked strictly from the newest to the oldest; empty for everything.

        directory: Only this journal; empty for all.

        dry_run: Whether to look only.

        patient: Whether what has failed before is left alone until its pause is over.

        found: Is told what is going to be settled, before it begins.
    """
    troubles: list[str] = []
    locks, left = _adopt(journal_root(place), directory)
    if dry_run:
        return _rehearse(locks, left, job)
    journals: list[FileJournal] = []
    settlers: list[Settler] = []
    try:
        while locks:
            lock = locks.pop(0)
            try:
                journals.append(_open(lock, troubles))
            except ProcessEnderError as error:
                left.append(LeftAlone(lock.directory, str(error), alive=False))
        settlers = [Settler(each, find, clock, boot_id(), troubles.append) for each in journals]
        estates = [
            Estate(each, [one for one in each.journal.live() if job in {"", one.obligation.job}]) for each in settlers
        ]
        others = _elsewhere(place, journals, troubles)
        found([standing for estate in estates for standing in estate.standings])
        settled = Recovery(clock, window, observers).run(estates, chained=bool(job), patient=patient, others=others)
    finally:
        for lock in locks:
            lock.release()
        for each in settlers:
            # One whose releaser hangs is kept: another recovery must not run the same beside it.
            each.end(each.journal.close)
    return Recovered(tuple(settled), tuple(left), tuple(troubles))


def _open(lock: OwnerLock, troubles: list[str]) -> FileJournal:
    journal = None
    try:
        journal = FileJournal(lock, policy="allow-unjournaled", complain=troubles.append)
    finally:
        if journal is None:
            lock.release()
    return journal


def _elsewhere(place: str, journals: Sequence[FileJournal], troubles: list[str]) -> list[Standing]:
    """Return what is owed in the other journals of the service, if anything here must outlive what is not here."""
    here = [each.obligation for journal in journals for each in journal.live()]
    if {name for each in here for name in each.outlives} <= {each.id for each in here}:
        return []
    ours = {journal.directory for journal in journals}
    found: list[Standing] = []
    for directory in journals_of(place):
        if directory not in ours:
            try:
                found += look(directory).standings
            except JournalError as error:
                troubles.append(str(error))
    return found


def _rehearse(locks: Sequence[OwnerLock], left: Sequence[LeftAlone], job: str) -> Recovered:
    """Read what would be settled, and give the locks back."""
    settled: list[Settled] = []
    troubles: list[str] = []
    for lock in locks:
        try:
            seen = look(lock.directory)
            troubles += seen.troubles
            settled += [
                Settled(each.obligation, each.state, None, each.error)
                for each in seen.standings
                if job in {"", each.obligation.job}
            ]
        except JournalError as error:
            troubles.append(str(error))
        lock.release()
    return Recovered(tuple(settled), tuple(left), tuple(troubles))


def _adopt(root: str, directory: str) -> tuple[list[OwnerLock], list[LeftAlone]]:
    """Take the locks of the dead, or that of *directory* alone; tell which journals still belong to somebody."""
    taken, left = [], []
    for found in (each for each in [orphan(directory)] if each) if directory else orphans(root):
        if found.lock is not None:
            taken.append(found.lock)
        else:
            left.append(LeftAlone(found.directory, found.why, alive=found.alive))
    return taken, left


def recover_at_start(place: str, find: Find, clock: Clock, window: float, tell: Callable[[Event], object]) -> Recovered:
    """Settle what earlier processes of this service have left, and *tell* the observers of the Ender."""
    recovered = recover(place, find, clock, window, patient=True)
    for text in recovered.troubles:
        tell(Trouble(clock.now(), "recovery", text))
    for left in recovered.left:
        if not left.alive and left.why != BUSY:
            tell(Trouble(clock.now(), "not-recovered", f"cannot recover {left.directory}: {left.why}"))
    for each in recovered.open:
        tell(Trouble(clock.now(), "not-recovered", f"cannot release {each.obligation.label}: {each.error}"))
    dead = sum(each.state is State.DEAD for each in recovered.settled)
    released = len(recovered.settled) - len(recovered.open)
    if recovered.settled:
        tell(RecoveryEnded(clock.now(), found=len(recovered.settled), released=released, dead=dead))
    return recovered


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
    except JournalError:
        raise
    except OSError as error:
        raise JournalError(f"cannot read the journal {directory}: {error.strerror or error}") from error
    return Look(tuple(ledger.live()), tuple(found.troubles), count, found.last, tuple(found.notes))
