"""
PostgreSQL: what a client has left, blocks that leave nothing, small states, and pools that close in order.

Takes over: closing a pool of psycopg or asyncpg, in the phase `close`, when none of its connections is in use; what is
in use when the time is up is named, and with asyncpg terminated, which its own `close()` would wait for without end.

Leaves: connections of psycopg that somebody still has: they are closed when they come back, or end with the process.

Versions: psycopg 3.2 and psycopg_pool 3.2 and later, asyncpg 0.29 and later.
"""

from __future__ import annotations

from .blocks import advisory_lock, session
from .pools import close_pool
from .releaser import AdvisoryLockReleaser, SessionReleaser
from .store import PostgresStore

__all__ = ["AdvisoryLockReleaser", "PostgresStore", "SessionReleaser", "advisory_lock", "close_pool", "session"]
