"""
systemd, as the manager of a unit: what a service says to it, what it hands to a service, and how long that has to end.

Hears: by `grace.listen`, how long the unit has to stop, which shortens a grace that is longer; `grace.ask_grace` asks
the same once. An agent in a unit asks by itself.

Leaves: the end of the machine, of which [logind](logind.md) tells.

Versions: systemd from 252 on; `grace` with jeepney from 0.9 on (`pip install 'processender[systemd]'`).
"""

from __future__ import annotations

from .crash import crash_status
from .handed import Handed, handed, is_listening
from .notify import LONGEST, VARIABLE, Manager
from .status import StatusObserver, status_of

__all__ = [
    "LONGEST",
    "VARIABLE",
    "Handed",
    "Manager",
    "StatusObserver",
    "crash_status",
    "handed",
    "is_listening",
    "status_of",
]
