"""SQL: what statements release, blocks around open connections of any driver, and engines that close in order."""

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
