"""systemd, as the manager of a unit: what a service says to it, and what it hands to a service."""

from __future__ import annotations

from .crash import crash_status
from .handed import Handed, handed, is_listening
from .notify import LONGEST, VARIABLE, Manager

__all__ = ["LONGEST", "VARIABLE", "Handed", "Manager", "crash_status", "handed", "is_listening"]
