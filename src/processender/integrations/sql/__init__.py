"""SQL: what statements release, and blocks around open connections of any driver."""

from __future__ import annotations

from .blocks import ConnectionReleaser, transaction
from .releaser import SqlReleaser

__all__ = ["ConnectionReleaser", "SqlReleaser", "transaction"]
