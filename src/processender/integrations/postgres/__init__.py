"""PostgreSQL: what a client has left, blocks that leave nothing, small states, and pools that close in order."""

from __future__ import annotations

from .blocks import advisory_lock, session
from .pools import close_pool
from .releaser import AdvisoryLockReleaser, SessionReleaser
from .store import PostgresStore

__all__ = ["AdvisoryLockReleaser", "PostgresStore", "SessionReleaser", "advisory_lock", "close_pool", "session"]
