"""PostgreSQL: sessions and advisory locks that a client has left, and blocks that leave none."""

from __future__ import annotations

from .blocks import advisory_lock, session
from .releaser import AdvisoryLockReleaser, SessionReleaser

__all__ = ["AdvisoryLockReleaser", "SessionReleaser", "advisory_lock", "session"]
