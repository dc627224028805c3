"""A small state that outlasts the process."""

from __future__ import annotations

from ..hints import Any
from .record import Record


class Saved(Record):
    """What was saved under one key."""

    version: int
    """The number of the snapshot; the first is 1."""
    data: Any
    """The snapshot, data of JSON."""
    deltas: tuple[Any, ...] = ()
    """What was added since, oldest first."""
