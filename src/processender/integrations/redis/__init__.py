"""
Redis: locks that are released while they hold their owner's value, small states beyond the disk, and closed clients.

Takes over: closing a client with its pool, sync or async, in the phase `close`, when no command is under way; one that
still blocks then (`BLPOP`, a subscription) is cut, and counted.

Leaves: a cluster tells of no connection in use, so nothing is waited for there.

Versions: redis 6 and later.
"""

from __future__ import annotations

from .closing import close_client
from .lock import Lock, LockReleaser, lock
from .store import RedisStore

__all__ = ["Lock", "LockReleaser", "RedisStore", "close_client", "lock"]
