"""The journal that is kept for another process, by its identity: one writer at a time, each for a moment only."""

from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Callable

from ..engine.clock import SystemClock
from ..errors import JournalError
from ..identity import Identity
from ..journal.file import FileJournal
from ..journal.owner import OwnerLock, claim, tracked
from ..looking import journal_root
from ..obligations import Obligations
from . import output

PATIENCE_S = 10.0
_PAUSE_MS = 20


class Kept:
    """What a process owes, opened for writing by another; a context manager."""

    def __init__(self, place: str, identity: Identity, patience: float = PATIENCE_S) -> None:
        """
        Take what is needed; nothing is opened yet.

        Args:

            place: The directory of the service.

            identity: The process that owes it.

            patience: How long to wait while others have the journal, seconds.
        """
        self._place = place
        self._identity = identity
        self._clock = SystemClock()
        self._until = self._clock.now() + patience
        self._turn = -1
        self._home = Obligations(self._clock, self._open)

    def __enter__(self) -> Obligations:
        """Wait until nobody else writes for this service; raise `JournalError` if that takes too long."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._turn = os.open(os.path.join(self._place, "track.lock"), flags, 0o600)
        try:
            self._wait(self._is_ours, f"another process holds {self._place}/track.lock")
        except JournalError:
            os.close(self._turn)
            raise
        return self._home

    def __exit__(self, *_error: object) -> None:
        """Give it up; a journal that owes nothing is removed."""
        self._home.close()
        os.close(self._turn)

    def _is_ours(self) -> bool:
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _open(self) -> FileJournal:
        """Open the journal that is kept for the process, which is made if there is none."""
        root = journal_root(self._place)
        locks: list[OwnerLock] = []

        def attempt() -> bool:
            found = tracked(root, self._identity)
            if found is None:
                locks.append(claim(root, owner=self._identity))
            elif found.lock is not None:
                locks.append(found.lock)
            return bool(locks)

        self._wait(attempt, "a recovery looks into its journal")
        return FileJournal(locks[0], complain=output.complain)

    def _wait(self, attempt: Callable[[], bool], why: str) -> None:
        waiting = select.poll()
        began = self._clock.now()
        while not attempt():
            if self._clock.now() >= self._until:
                raise JournalError(f"cannot track it: {why}, for {self._clock.now() - began:.0f} s; try again")
            waiting.poll(_PAUSE_MS)
