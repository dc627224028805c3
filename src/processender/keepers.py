"""What keeps beyond the life of a process, and what releases, as the rooms of floor 3 may ask of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .core.obligation import Entry, Obligation, Standing
from .core.saved import Saved
from .hints import Any, Protocol
from .ports import Context


class Releaser(Protocol):
    """Releases one kind of thing, from its obligation alone, safely more than once; both may block and may raise."""

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the thing, or a part of it, is there and is still the one that was meant."""

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:
        """Release the thing; return when it is gone, also when it was gone before. The *token* only grows."""


class Journal(Protocol):
    """What is owed, kept where a crash does not reach it. Safe for threads."""

    def append(self, *entries: Entry) -> None:
        """Return when each is as durable as its kind asks; raise `JournalError` if not, and keep none of them."""

    def live(self) -> Sequence[Standing]:
        """Return what is not released, in the order in which it was begun."""

    def standing(self, id_: str) -> Standing | None:
        """Return where one obligation stands, None when it is released or was never there."""

    def close(self) -> None:
        """Write what is left and give the directory up; nothing can be appended afterwards."""


class StateStore(Protocol):
    """Small snapshots that outlast the process; may be remote. Safe for threads."""

    def save(self, entries: Mapping[str, Any], *, durable: bool) -> None:
        """Replace the snapshots of these keys, all of them or none; their deltas are gone."""

    def extend(self, key: str, delta: Any, *, durable: bool) -> None:
        """Add *delta* behind the snapshot of *key*."""

    def load(self, key: str) -> Saved | None:
        """Return what was saved, None for nothing."""

    def close(self) -> None:
        """Give the store up."""
