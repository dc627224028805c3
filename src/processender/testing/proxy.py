"""A TCP proxy that treats connections as a bad network does: late, reset, swallowed, half open, slow to close."""

from __future__ import annotations

from ..faults.line import OPEN, FaultError, Line
from ..faults.proxy import TcpProxy

__all__ = ["OPEN", "FaultError", "Line", "TcpProxy"]
