"""
SQL: what statements release, blocks around open connections of any driver, and engines that close in order.

Takes over: what is still open on an engine of SQLAlchemy, sync or async: in the phase `commit` its transactions are
committed or rolled back, as you declare it (`end_transactions`); in `close` the connections in use are waited for, and
the pool is disposed of (`close_engine`, `close_async_engine`).

Leaves: what cannot be done from another thread: a transaction in the middle of a statement, and a connection that
somebody still has. Both are named, by the task or the thread that has taken them; the server rolls back what is open
when the process is gone.

Versions: SQLAlchemy 2; blocks and releasers take any driver of PEP 249.
"""

from __future__ import annotations

from .blocks import ConnectionReleaser, transaction
from .closing import close_async_engine, close_engine
from .releaser import SqlReleaser
from .transactions import end_transactions

__all__ = [
    "ConnectionReleaser",
    "SqlReleaser",
    "close_async_engine",
    "close_engine",
    "end_transactions",
    "transaction",
]
