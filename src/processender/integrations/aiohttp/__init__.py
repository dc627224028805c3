"""aiohttp: its client session, closed in order."""

from __future__ import annotations

from .client import close_client

__all__ = ["close_client"]
