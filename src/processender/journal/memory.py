"""The twin of the journal that keeps nothing: for tests, and for where there is no disk."""

from __future__ import annotations

import threading

from ..core.obligation import Entry, Ledger, Standing
from ..errors import JournalError


class MemoryJournal:
    """The obligations of one process, for as long as it lives. Safe for threads."""

    def __init__(self) -> None:
        """Begin with nothing owed."""
        self._lock = threading.Lock()
        self._ledger = Ledger()
        self._closed = False
        self.entries: list[Entry] = []
        """All that was appended, in order."""

    def append(self, *entries: Entry) -> None:
        """Keep *entries*, all or none."""
        with self._lock:
            if self._closed:
                raise JournalError("cannot append: the journal is closed")
            for entry in entries:
                self._ledger.check(entry)
            for entry in entries:
                self._ledger.apply(entry)
                self.entries.append(entry)

    def live(self) -> list[Standing]:
        """Return what is not released, in the order in which it was begun."""
        with self._lock:
            return self._ledger.live()

    def standing(self, id_: str) -> Standing | None:
        """Return where one obligation stands, None when it is released or was never there."""
        with self._lock:
            return self._ledger.get(id_)

    def close(self) -> None:
        """Take nothing any more."""
        with self._lock:
            self._closed = True
