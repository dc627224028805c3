"""The lines of an archive: what an ending process appends."""

from __future__ import annotations

from ..hints import Any


def take(directory: str, account: dict[str, Any]) -> None:
    """Append the line of *account* to the archive below the state *directory* of its service."""
