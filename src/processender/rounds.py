"""
A recovery, a few journals at a time: adopt them, settle what is due, give them back.

What goes wrong with one journal never keeps the others from being recovered.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Container, Sequence
from contextlib import ExitStack
from functools import partial

from .core.obligation import Obligation, Standing, State
from .core.record import Record
from .engine.recovery import Estate, Recovery, Settled
from .engine.settle import Settler
from .errors import JournalError, ProcessEnderError
from .identity import boot_id
from .journal.file import FileJournal
from .journal.owner import orphan
from .keepers import Releaser
from .looking import journals_of, look
from .ports import Clock, Observer

Find = Callable[[str], Releaser | None]
AT_ONCE = 32
"""How many journals are open at the same time, at most."""
_EACH = 12
"""The descriptors that are reckoned for one: its own, and those of the releasers that work for it."""
_LEAST_S = 5.0
"""What a batch gets of the time, if there is so much left."""


class LeftAlone(Record):
    """A journal that was not touched."""

    directory: str
    """Where it is."""
    why: str
    """Why: its owner lives, or is stopped, or it cannot be read."""
    alive: bool = True
    """Whether its owner lives."""


class Rounds:
    """
    One recovery, in batches: each journal that is open holds descriptors, and the program around needs some.

    What must outlive something in a journal of a later batch waits for another round.
    """

    observers: Sequence[Observer] = ()
    """What is told of every event."""
    job: str = ""
    """Only what belongs to this job, walked strictly from the newest to the oldest."""
    patient: bool = False
    """Whether what has failed before is left alone until its pause is over."""
    keep: Container[str] = ()
    """The directories that stay although they owe nothing any more."""

    def __init__(
        self, place: str, find: Find, clock: Clock, window: float, found: Callable[[Sequence[Standing]], object]
    ) -> None:
        """Take the directory of the service, its releasers, the time, and who is told what is going to be settled."""
        self._found = found
        self._place = place
        self._find = find
        self._clock = clock
        self._until = clock.now() + window
        self.takes: Callable[[Obligation], bool] = lambda _obligation: True
        """Tells of each obligation whether it may be settled here; the others stay as they are."""
        self.settled: dict[tuple[str, str], Settled] = {}
        """What became of each obligation, by its directory and its id."""
        self.left: dict[str, LeftAlone] = {}
        """The journals that were not touched."""
        self.troubles: list[str] = []
        """What could not be done beside."""

    def run(self, directories: Sequence[str]) -> None:
        """Settle what is due in *directories*."""
        most = _most_at_once()
        if self.job and len(directories) > most:
            directories = sorted(directories, key=self._newest, reverse=True)
        pending: Sequence[str] = directories
        while pending:
            before = self._released()
            for at in range(0, len(pending), most):
                batches = -(-(len(pending) - at) // most)
                self._settle(pending[at : at + most], batches)
            waits = {directory: None for (directory, _), each in self.settled.items() if _is_held_back(each)}
            pending = list(waits) if len(directories) > most and self._released() > before else ()

    def _released(self) -> int:
        return sum(each.state is State.RELEASED for each in self.settled.values())

    def _newest(self, directory: str) -> float:
        try:
            return max((each.obligation.created for each in look(directory).standings if self._asked(each)), default=0)
        except JournalError:
            # It is told when its turn comes.
            return 0.0

    def _asked(self, standing: Standing) -> bool:
        return self.job in {"", standing.obligation.job}

    def _settle(self, directories: Sequence[str], batches: int) -> None:
        """Settle what is due in *directories*, in this one's share of the time for *batches*."""
        remaining = self._until - self._clock.now()
        if remaining <= 0:
            why = "the time was over before its turn came; run `processender recover` again"
            self.left.update({each: LeftAlone(each, why, alive=False) for each in directories})
            return
        window = min(remaining, max(_LEAST_S, remaining / batches))
        try:
            with ExitStack() as stack:
                self._settle_estates([each for one in directories if (each := self._take(one, stack))], window)
        except OSError as error:
            text = f"cannot recover what is left in {self._place}: {error.strerror or error}"
            raise JournalError(f"{text}; `processender recover` can be run again at any time") from error

    def _settle_estates(self, estates: Sequence[Estate], window: float) -> None:
        self._found([standing for estate in estates for standing in estate.standings])
        others = self._elsewhere(estates)
        recovery = Recovery(self._clock, window, self.observers)
        settled = recovery.run(estates, chained=bool(self.job), patient=self.patient, others=others)
        owners = [_directory(estate) for estate in estates for _ in estate.standings]
        for directory, each in zip(owners, settled, strict=True):
            self.settled[directory, each.obligation.id] = each

    def _take(self, directory: str, stack: ExitStack) -> Estate | None:
        """Adopt the journal in *directory* until *stack* is left; None if it is not to be had."""
        found = orphan(directory)
        self.left.pop(directory, None)
        if found is None:
            return None
        if found.lock is None:
            self.left[directory] = LeftAlone(directory, found.why, alive=found.alive)
            return None
        try:
            journal = FileJournal(found.lock, policy="allow-unjournaled", complain=self.troubles.append)
            settler = Settler(journal, self._find, self._clock, boot_id(), self.troubles.append)
            # One whose releaser hangs is kept: another recovery must not run the same beside it.
            stack.callback(settler.end, partial(journal.close, keep=directory in self.keep))
            standings = [each for each in journal.live() if self._is_due(directory, each)]
        except Exception as error:  # its records may be of hostile hands, and the others must be recovered
            found.lock.release()
            why = str(error) if isinstance(error, ProcessEnderError) else f"it cannot be read: {error!r}"
            self.left[directory] = LeftAlone(directory, why, alive=False)
            return None
        return Estate(settler, standings)

    def _is_due(self, directory: str, standing: Standing) -> bool:
        return self._asked(standing) and self._is_open(directory, standing) and self.takes(standing.obligation)

    def _is_open(self, directory: str, standing: Standing) -> bool:
        """Tell whether no earlier round has tried it."""
        before = self.settled.get((directory, standing.obligation.id))
        return before is None or _is_held_back(before)

    def _elsewhere(self, estates: Sequence[Estate]) -> list[Standing]:
        """Return what is owed in the other journals of the service, if anything here must outlive what is not here."""
        here = [each.obligation for estate in estates for each in estate.settler.journal.live()]
        if {name for each in here for name in each.outlives} <= {each.id for each in here}:
            return []
        ours = {_directory(estate) for estate in estates}
        found: list[Standing] = []
        for directory in journals_of(self._place):
            if directory not in ours:
                try:
                    found += look(directory).standings
                except JournalError as error:
                    if str(error) not in self.troubles:
                        self.troubles.append(str(error))
        return found


def _directory(estate: Estate) -> str:
    journal = estate.settler.journal
    assert isinstance(journal, FileJournal)  # only such are adopted
    return journal.directory


def _is_held_back(settled: Settled) -> bool:
    """Tell whether it was not tried, for something that may be gone meanwhile."""
    return settled.outcome is None and settled.state not in {State.RELEASED, State.DEAD}


def _most_at_once() -> int:
    """Return how many journals may be open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        free = soft - len(os.listdir("/proc/self/fd"))
    except OSError:
        free = 0
    return AT_ONCE if soft == resource.RLIM_INFINITY else max(1, min(AT_ONCE, free // _EACH))
