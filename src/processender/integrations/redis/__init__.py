"""Redis: locks that are released while they hold their owner's value, and small states beyond the disk."""

from __future__ import annotations

from .closing import close_client
from .lock import Lock, LockReleaser, lock
from .store import RedisStore

__all__ = ["Lock", "LockReleaser", "RedisStore", "close_client", "lock"]
