"""Small states in a log of their own: the newest snapshot under each key, and what was added since."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping

from ..core.data import plain
from ..core.obligation import Entry, Kind
from ..core.saved import Saved, as_json
from ..errors import JournalError
from ..hints import Any
from .disk import Disk, SystemDisk
from .log import Log
from .owner import hold


class _States:
    """The fold of the log."""

    def __init__(self) -> None:
        self.by_key: dict[str, Saved] = {}

    def apply(self, entry: Entry) -> None:
        state = self.by_key.get(entry.id)
        if entry.kind is Kind.SAVED:
            version = entry.data.get("version")
            if not isinstance(version, int) or version < 1:
                version = state.version + 1 if state else 1
            self.by_key[entry.id] = Saved(version, entry.data.get("data"))
        elif entry.kind is Kind.EXTENDED:
            state = state or Saved(0, None)
            self.by_key[entry.id] = state.replace(deltas=(*state.deltas, entry.data.get("delta")))

    def __len__(self) -> int:
        return len(self.by_key)

    def snapshot(self) -> list[Entry]:
        found = []
        for key, state in self.by_key.items():
            found.append(Entry(Kind.SAVED, key, {"data": state.data, "version": state.version}))
            found += [Entry(Kind.EXTENDED, key, {"delta": delta}) for delta in state.deltas]
        return found


class FileStore:
    """The states of one service on this host: one process at a time may hold them. Safe for threads."""

    def __init__(self, directory: str, *, complain: Callable[[str], object], disk: Disk | None = None) -> None:
        """Open the states in *directory*; raise `JournalError` while another process holds them."""
        self._lock = hold(directory)
        self._pid = os.getpid()
        self._states = _States()
        try:
            self._log = Log(directory, self._states, disk or SystemDisk(), complain)
        except BaseException:
            self._lock.release()
            raise
        if (broken := self._log.broken) is not None:
            self.close()
            raise broken

    def save(self, entries: Mapping[str, Any], *, durable: bool) -> None:
        """Replace the snapshots of these keys, all of them or none; their deltas are gone."""
        packed = [(key, as_json(key, data)) for key, data in entries.items()]
        self._append([Entry(Kind.SAVED, key, {"data": json.loads(text)}) for key, text in packed], durable=durable)

    def extend(self, key: str, delta: Any, *, durable: bool) -> None:
        """Add *delta* behind the snapshot of *key*."""
        self._append([Entry(Kind.EXTENDED, key, {"delta": json.loads(as_json(key, delta))})], durable=durable)

    def _append(self, entries: list[Entry], *, durable: bool) -> None:
        if self._pid != os.getpid():
            raise JournalError("cannot use the states in a fork child: they are the parent's")
        self._log.append(entries, durable=durable)

    def load(self, key: str) -> Saved | None:
        """Return what was saved, None for nothing."""
        state = self._states.by_key.get(key)
        # A copy: what the caller does to it must not reach the disk with the next rotation.
        return state and state.replace(data=plain(state.data), deltas=tuple(plain(each) for each in state.deltas))

    def close(self) -> None:
        """Give the states up."""
        if self._pid == os.getpid():
            self._log.close()
            self._lock.release()
