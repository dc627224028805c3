"""The totals of a service on this host: counters that outlast its processes."""

from __future__ import annotations

from ..hints import Any


def take(directory: str, account: dict[str, Any]) -> None:
    """Count *account* in the totals below the state *directory* of its service."""
