"""
Commands: as clean-up steps, as what releases a thing, and as a drainer for whatever has a command.

Takes over: a command that leaves traffic, one that is repeated until it ends with 0, and one that comes back; for a
target that has no drainer of its own.

Leaves: what the commands do.

Evidence: `until` has ended with 0; without it only that `down` has.

Way back: the command `up`, without evidence: that `until` no longer ends with 0 would not say that requests come. It is
taken that what `down` does outlasts the process, so `up` also runs when a new process serves; `lasting=False` says
otherwise.

Versions: any program; no shell is in between.
"""

from __future__ import annotations

from ...programs import CommandCannotRun, Reaper
from .drainer import drain
from .handler import (
    EX_TEMPFAIL,
    CommandFailed,
    CommandFailedForNow,
    CommandTimedOut,
    command,
)

__all__ = [
    "EX_TEMPFAIL",
    "CommandCannotRun",
    "CommandFailed",
    "CommandFailedForNow",
    "CommandTimedOut",
    "Reaper",
    "command",
    "drain",
]
