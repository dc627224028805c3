"""What one caller gives the log at once, on its way to the disk, and the thread that waits for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ..core.obligation import Entry
from ..errors import JournalError
from .record import encode, size_of


class Batch:
    """Entries of one caller, on their way to the disk."""

    __slots__ = (
        "durable", "entries", "error", "following", "grows", "kept", "leads", "over", "payloads", "size", "woken",
    )  # fmt: skip

    def __init__(self, entries: Sequence[Entry], *, durable: bool, grows: bool) -> None:
        """Encode *entries*; raise `JournalError` for one that is too large."""
        self.entries = entries
        self.payloads = [encode(entry) for entry in entries]
        self.size = sum(map(size_of, self.payloads))
        self.durable = durable
        self.grows = grows
        self.kept = False
        self.leads = False
        """Whether its thread writes for all that wait."""
        self.over = threading.Lock()
        """Held until it is written, or leads."""
        self.over.acquire()
        self.error: JournalError | None = None
        self.following: Batch | None = None
        """Whose thread this one wakes."""
        self.woken = False
        """Whether its thread need not wait any more."""

    def wake_next(self) -> None:
        """Wake the thread behind this one; may be called again."""
        following, self.following = self.following, None
        if following is not None:
            following.woken = True
            following.over.release()

    def outcome(self) -> None:
        """Return if it was kept; raise why it was not."""
        if not self.kept:
            raise self.error or JournalError("cannot tell whether it was kept: the thread that wrote was interrupted")
