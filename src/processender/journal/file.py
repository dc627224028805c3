"""The journal of one owner on disk."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..core.obligation import DURABLE, Entry, Kind, Ledger, Standing
from ..errors import JournalError, ObligationError
from .disk import Disk, SystemDisk
from .log import Log
from .owner import OwnerLock

_GROWING = {Kind.INTENT, Kind.RUN, Kind.HANDLER}
"""What is refused first on a full disk; the rest makes the live set smaller, or keeps it true."""


class FileJournal:
    """The obligations of one owner, in its own directory. Safe for threads; a fork child cannot use it."""

    def __init__(
        self, lock: OwnerLock, *, policy: str = "refuse", complain: Callable[[str], object], disk: Disk | None = None
    ) -> None:
        """
        Read what is there and begin a segment of our own; raise `JournalError` for what cannot be read.

        Args:

            lock: The right to write into its directory; given up if anything is raised.

            policy: What becomes of an obligation that cannot be kept: `refuse` raises before the thing exists;
                `allow-unjournaled` goes on, and the thing is owed by this process only.

            complain: Is told what is damaged, and what could not be kept.

            disk: Does what is done to files.
        """
        self._lock = lock
        self._policy = policy
        self._complain = complain
        self._pid = os.getpid()
        self._ledger = Ledger()
        try:
            self._log = Log(lock.directory, self._ledger, disk or SystemDisk(), complain)
        except BaseException:
            lock.release()
            raise
        if (broken := self._log.broken) is not None:
            if policy == "refuse":
                # The directory goes with it: once there is room, the next call makes another.
                self.close()
                raise broken
            complain(f"{broken}; nothing more is kept")

    @property
    def directory(self) -> str:
        """Where it is."""
        return self._lock.directory

    def append(self, *entries: Entry) -> None:
        """Return when each is as durable as its kind asks; raise `JournalError` if not, and keep none of them."""
        if self._pid != os.getpid():
            raise JournalError("cannot use the journal in a fork child: it is the parent's")
        for entry in entries:
            self._ledger.check(entry)
        kinds = {entry.kind for entry in entries}
        durable, grows = not kinds.isdisjoint(DURABLE), not kinds.isdisjoint(_GROWING)
        try:
            self._log.append(entries, durable=durable, grows=grows)
        except JournalError as error:
            if self._policy == "refuse":
                raise
            self._go_on_without(entries, error)

    def _go_on_without(self, entries: tuple[Entry, ...], error: JournalError) -> None:
        self._complain(f"{error}; what is owed from now on is known to this process only")
        for entry in entries:
            try:
                self._ledger.apply(entry)
            except ObligationError:
                # Settled by two threads at once.
                continue

    def live(self) -> list[Standing]:
        """Return what is not released, in the order in which it was begun."""
        return self._ledger.live()

    def standing(self, id_: str) -> Standing | None:
        """Return where one obligation stands, None when it is released or was never there."""
        return self._ledger.get(id_)

    def close(self, *, keep: bool = False) -> None:
        """Give the directory up; one that owes nothing is removed, unless we *keep* it."""
        if self._pid != os.getpid():
            return
        done = not keep and not len(self._ledger)
        try:
            self._log.close(remove=done)
            if done:
                self._lock.remove()
            else:
                self._lock.give_up()
        except OSError as error:
            self._complain(f"the journal {self.directory} cannot be removed: {error}")
        finally:
            self._lock.release()
