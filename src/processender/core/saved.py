"""A small state that outlasts the process."""

from __future__ import annotations

from ..errors import JournalError
from ..hints import Any
from .data import as_json as encoded
from .record import Record


class Saved(Record):
    """What was saved under one key."""

    version: int
    """The number of the snapshot; the first is 1."""
    data: Any
    """The snapshot, data of JSON."""
    deltas: tuple[Any, ...] = ()
    """What was added since, oldest first."""


def as_json(key: Any, data: Any) -> str:
    """Return *data* as JSON; raise `JournalError` for what would not come back as it is, or under another key."""
    if not isinstance(key, str):
        raise JournalError(f"cannot save under {key!r}: a key is text; write {str(key)!r}")
    try:
        return encoded(data)
    except ValueError as error:
        raise JournalError(f"cannot save {key}: {error}; only data of JSON can be saved") from error
