"""Commands: as clean-up steps, and as what releases a thing."""

from __future__ import annotations

from .handler import (
    EX_TEMPFAIL,
    CommandCannotRun,
    CommandFailed,
    CommandFailedForNow,
    CommandTimedOut,
    Keeper,
    command,
)

__all__ = [
    "EX_TEMPFAIL",
    "CommandCannotRun",
    "CommandFailed",
    "CommandFailedForNow",
    "CommandTimedOut",
    "Keeper",
    "command",
]
