"""PostgreSQL: sessions and advisory locks that a client has left, and blocks that leave none, and small states."""

from __future__ import annotations

from .blocks import advisory_lock, session
from .releaser import AdvisoryLockReleaser, SessionReleaser
from .store import PostgresStore

__all__ = ["AdvisoryLockReleaser", "PostgresStore", "SessionReleaser", "advisory_lock", "session"]
