"""A small state that outlasts the process."""

from __future__ import annotations

import json

from ..errors import JournalError
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


def as_json(key: str, data: Any) -> str:
    """Return *data* as text; raise `JournalError` for what JSON cannot hold."""
    try:
        return json.dumps(data, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(f"cannot save {key}: {error}; only data of JSON can be saved") from error
