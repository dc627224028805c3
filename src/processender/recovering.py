"""
From a directory of the dead to nothing left behind: adopt what no owner holds any more, settle it, say what remains.

Theory of operation. An owner holds the lock of its journal for as long as it lives, stopped or not, so a lock that can
be taken is that of a dead one; taking it is adopting, and two recoveries never adopt the same journal. What cannot be
released stays in its journal, and with it the directory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Mapping, Sequence

from .core.events import Event, RoomEvent, Trouble
from .core.obligation import Obligation, Standing, State
from .core.record import Record
from .demand import load
from .engine.recovery import Settled
from .errors import JournalError
from .hints import ClassVar
from .journal.directory import entries_of
from .journal.file import FileJournal
from .journal.liveness import BUSY
from .journal.owner import claim, orphan
from .journal.store import FileStore
from .keepers import Journal, StateStore
from .looking import journal_root, last_entry, look
from .ports import Clock, Observer
from .rounds import Find, LeftAlone, Rounds


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

    key: ClassVar[str] = "recovery.ended"
    words: ClassVar[dict[str, str]] = {
        "found": "processender.obligation.found",
        "released": "processender.obligation.settled",
        "dead": "processender.obligation.dead",
    }

    found: int = 0
    """How many obligations the dead have left."""
    released: int = 0
    """How many of them are gone now."""
    dead: int = 0
    """How many wait in the dead-letter list."""

    @property
    def text(self) -> str:
        """How much was found, and what became of it."""
        return f"released {self.released} of {self.found} that the dead have left; {self.dead} in the dead-letter list"


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
    keep: Container[str] = (), takes: Callable[[Obligation], bool] = lambda _obligation: True, seen_at: float = 0.0,
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

        found: Is told what is going to be settled, before it begins; once for each batch of journals.

        keep: The directories that stay although they owe nothing any more: the account of the crash is still to come.

        takes: Tells of each obligation whether it may be settled here; the others stay as they are.

        seen_at: When the crash was seen, seconds since 1970; 0.0 where nobody saw it.
    """
    directories = [directory] if directory else entries_of(journal_root(place))
    if dry_run:
        return _rehearse(directories, job)
    rounds = Rounds(place, find, clock, window, found)
    rounds.observers, rounds.job, rounds.patient, rounds.keep = observers, job, patient, keep
    rounds.takes = takes
    last = {each: max(last_entry(each), seen_at) for each in directories}
    rounds.run(directories)
    _count(place, rounds, clock.wall(), last)
    return Recovered(tuple(rounds.settled.values()), tuple(rounds.left.values()), tuple(rounds.troubles))


def _count(place: str, rounds: Rounds, now: float, last: Mapping[str, float]) -> None:
    """Count in the totals what became of it: for each owner whose things are all gone, how long they have waited."""
    settled = list(rounds.settled.values())
    left = {directory for (directory, _), each in rounds.settled.items() if each.state is not State.RELEASED}
    late = [now - last[each] for each in {directory for directory, _ in rounds.settled} - left if last.get(each)]
    if not settled:
        return
    released = sum(each.state is State.RELEASED for each in settled)
    # What was dead before was only looked at.
    dead = sum(each.state is State.DEAD and each.outcome is not None for each in settled)
    try:
        load("telemetry.totals").take_recovery(place, released, dead, late)
    except OSError as error:
        rounds.troubles.append(str(error))


def _rehearse(directories: Sequence[str], job: str) -> Recovered:
    """Read what would be settled, each journal under its lock, which is given back at once."""
    settled: list[Settled] = []
    left: list[LeftAlone] = []
    troubles: list[str] = []
    for found in filter(None, map(orphan, directories)):
        if found.lock is None:
            left.append(LeftAlone(found.directory, found.why, alive=found.alive))
            continue
        try:
            seen = look(found.directory)
            troubles += seen.troubles
            settled += [
                Settled(each.obligation, each.state, None, each.error)
                for each in seen.standings
                if job in {"", each.obligation.job}
            ]
        except JournalError as error:
            troubles.append(str(error))
        finally:
            found.lock.release()
    return Recovered(tuple(settled), tuple(left), tuple(troubles))


def recover_at_start(
    place: str,
    find: Find,
    clock: Clock,
    window: float,
    tell: Callable[[Event], object],
    keep: Container[str] = (),
    seen_at: float = 0.0,
) -> Recovered:
    """Settle what earlier processes of this service have left, and *tell* the observers of the Ender."""
    recovered = recover(place, find, clock, window, patient=True, keep=keep, seen_at=seen_at)
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
