"""
An append-only log in segments: one writer, group commit, rotation, and no second try on a disk that has failed.

Theory of operation. The first thread that comes writes for all that wait, with one flush (the leader); those that come
meanwhile wait for the next batch, whose first becomes its leader. A full segment is left behind: the live set goes into
the next one, which was filled with zeros beforehand, its header last, and only then is the old one removed. After a
failed write or flush a segment is poisoned: the kernel forgets what it could not write and answers the next flush with
success, so nothing is written there again; the live set and the batch go elsewhere, and if that fails too, the log is
degraded: it takes nothing more, and says so.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise

from ..core.obligation import Entry
from ..errors import JournalError, ObligationError
from ..hints import Protocol
from .batch import Batch
from .disk import Disk
from .record import encode, size_of, stored
from .replay import replay
from .segment import HEADER, SIZE
from .segments import Segments, cannot

RESERVE = 16 * 1024
"""Room that is kept for releases when the disk is full, beside that for each live obligation."""
RESERVE_EACH = 160


class Fold(Protocol):
    """What the entries of a log add up to."""

    def apply(self, entry: Entry) -> None:
        """Take one entry in."""

    def snapshot(self) -> list[Entry]:
        """Return entries that add up to the same."""

    def __len__(self) -> int:
        """Return how many things are live."""


class Log:
    """The log in one directory, which belongs to this process. Safe for threads."""

    def __init__(
        self, directory: str, fold: Fold, disk: Disk, complain: Callable[[str], object], *, size: int = SIZE
    ) -> None:
        """
        Read what is there and begin a segment of our own; raise `JournalError` for what cannot be read.

        A disk that takes no segment makes a log that is *broken* from its beginning: what is there can be looked at.

        Args:

            directory: Where its segments are.

            fold: Takes the entries in, those that are there and those to come.

            disk: Does what is done to files.

            complain: Is told what was found damaged, and what went wrong and could be helped.

            size: The bytes of a segment, unless the live set needs more.
        """
        self._directory = directory
        self._fold = fold
        self._complain = complain
        self._lock = threading.Lock()
        self._waiting: list[Batch] = []
        self._leader: Batch | None = None
        self._most = HEADER
        self._shrunk = True
        self.broken: JournalError | None = None
        """Why nothing can be written any more."""
        try:
            found = replay(disk, directory, fold.apply)
        except JournalError:
            raise
        except OSError as error:
            raise cannot("read", directory, error) from error
        for text in found.troubles:
            complain(f"the journal {directory} is damaged: {text}")
        self._segments = Segments(directory, disk, complain, found, size)
        try:
            # Behind a torn tail nothing is written, so the first thing is always a new segment.
            self._segments.rotate(fold.snapshot(), 0)
        except OSError as error:
            self.broken = cannot("begin", directory, error)

    # Appending.

    def append(self, entries: Sequence[Entry], *, durable: bool, grows: bool = True) -> None:
        """
        Return when *entries* are written, and if *durable* flushed; raise `JournalError` if that cannot be.

        Args:

            entries: What is to be kept, all or none.

            durable: Whether it must survive the loss of power.

            grows: Whether it adds to what is live; on a full disk only what does not is taken.
        """
        batch = Batch(entries, durable=durable, grows=grows)
        with self._lock:
            self._waiting.append(batch)
            if self._leader is None:
                self._lead(batch)
        try:
            batch.over.acquire()
            if batch.leads:
                self._write_all()
        except BaseException:
            self._withdraw(batch)
            raise
        finally:
            batch.wake_next()
        return batch.outcome()

    def _lead(self, batch: Batch) -> None:
        self._leader, batch.leads = batch, True
        batch.over.release()

    def _withdraw(self, batch: Batch) -> None:
        """Let a thread that was interrupted while it waited go; what it gave may have been written."""
        with self._lock:
            if batch in self._waiting:
                self._waiting.remove(batch)
                batch.woken = True
            if self._leader is batch:
                self._hand_over()
        while not (batch.woken or batch.leads):
            # Somebody is writing it, and whoever comes behind it is woken by it.
            try:
                batch.over.acquire()
            except BaseException:  # noqa: S112 - a second interrupt; the first is raised
                continue

    def _hand_over(self) -> None:
        self._leader = None
        if self._waiting:
            self._lead(self._waiting[0])

    def _write_all(self) -> None:
        """Write what waits, and let the next one lead before the others wake: the disk must not be idle."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        try:
            self._commit(taken)
        finally:
            with self._lock:
                self._hand_over()
            # Each wakes the next: woken all at once they would only queue for the interpreter's lock.
            for each, following in pairwise(taken):
                each.following = following
            taken[0].wake_next()

    def _commit(self, batches: list[Batch]) -> None:
        """Write and flush *batches*, then take them into the fold; only the leader does."""
        accepted = self._make_room(batches) if self.broken is None else []
        try:
            self._put(accepted)
        except OSError as error:
            self._recommit(accepted, error)
        for batch in batches:
            if self.broken is not None:
                batch.error = self.broken
            elif batch.error is None:
                batch.kept = True
                for entry, payload in zip(batch.entries, batch.payloads, strict=True):
                    self._take(stored(entry, payload))

    def _take(self, entry: Entry) -> None:
        try:
            self._fold.apply(entry)
        except ObligationError:
            # Two threads have settled the same thing; the first has settled it.
            return

    def _make_room(self, batches: list[Batch]) -> list[Batch]:
        """Have room for *batches*, in the next segment if need be; refuse those for which there is none."""
        segments = self._segments
        need = sum([batch.size for batch in batches])
        growth = sum([batch.size for batch in batches if batch.grows])
        self._shrunk = self._shrunk or growth < need
        if growth and segments.has_spare and not self._may_grow(growth):
            return self._squeeze(batches, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), may_grow=False)
        if need <= segments.room and (segments.has_spare or not growth or need + self._reserve() <= segments.room):
            return batches
        try:
            segments.rotate(self._fold.snapshot(), need)
        except OSError as error:
            if segments.suspect:
                self._recommit((), error)
                return [] if self.broken is not None else batches
            return self._squeeze(batches, error)
        return batches

    def _may_grow(self, size: int) -> bool:
        """
        Tell whether *size* bytes more can be owed: the next segment must hold all that is live, and its releases.

        How much that is at most is counted along; only when the count comes near is it looked at.
        """
        segments = self._segments
        self._most += size
        if self._most + self._reserve() <= segments.spare_size:
            return True
        if self._shrunk:
            self._most = size + HEADER + sum(size_of(encode(entry)) for entry in self._fold.snapshot())
            self._shrunk = False
        need = self._most + self._reserve()
        return need <= segments.spare_size or segments.enlarge_spare(3 * need)

    def _squeeze(self, batches: list[Batch], error: OSError, *, may_grow: bool = True) -> list[Batch]:
        """Return those of *batches* that fit where we are, releases first; refuse the others with *error*."""
        room, kept = self._segments.room, []
        reserve = self._reserve()
        for batch in sorted(batches, key=lambda each: each.grows):
            need = batch.size + reserve if batch.grows else batch.size
            if need <= room and (may_grow or not batch.grows):
                room -= batch.size
                kept.append(batch)
            else:
                batch.error = cannot("add to", self._directory, error)
        return kept

    def _reserve(self) -> int:
        return RESERVE + RESERVE_EACH * len(self._fold)

    def _put(self, batches: Sequence[Batch]) -> None:
        if batches:
            pieces = [piece for batch in batches for piece in zip(batch.entries, batch.payloads, strict=True)]
            kinds = [(entry.kind, payload) for entry, payload in pieces]
            self._segments.write(kinds, durable=any(batch.durable for batch in batches))

    def _recommit(self, batches: Sequence[Batch], error: OSError) -> None:
        """Go elsewhere with all that is live and with *batches*, after the segment has failed with *error*."""
        self._complain(f"the journal {self._directory} goes on in a new segment: {error}")
        try:
            self._segments.rotate(self._fold.snapshot(), sum(batch.size for batch in batches), poisoned=True)
            self._put(batches)
        except OSError as again:
            self._break("write to", again)

    def _break(self, what: str, error: OSError) -> None:
        self.broken = cannot(what, self._directory, error)
        self._complain(f"{self.broken}; nothing more is kept")

    def close(self, *, remove: bool = False) -> None:
        """Close the files; *remove* them if nothing of what they hold counts any more."""
        self.broken = JournalError(f"the journal {self._directory} is closed")
        try:
            # Its turn comes when who writes now is done; whoever comes later touches no file.
            self.append((), durable=False)
        except JournalError:
            self._segments.close(remove=remove)
