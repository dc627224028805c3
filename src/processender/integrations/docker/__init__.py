"""
Docker and podman: hears that a container is stopped, and learns how long it has.

Hears: on Docker the events of the engine, as soon as they are there: `kill` with the stop signal begins the end, with
the stop time-out of the container. On podman, which announces no stop, the state `stopping`, which is looked at once a
second. Of another container (`container`) also that it has ended. The engine's socket must be mounted for that.

Leaves: the signal, which the engine sends at the same moment: without a socket it is the whole notice. The engine does
not tell its stop time-out inside: `find_grace` finds it in `PROCESSENDER_STOP_TIMEOUT`, and `ask_grace` in the label
`dev.processender.stop-timeout`, or in what the engine says of the container. A time-out that is given with the stop
itself (`docker stop -t 60`) is told by nobody.

Versions: Docker 20.10 and podman 4.3, whose answers the double repeats; the API 1.24 and later.
"""

from __future__ import annotations

from .grace import ask_grace, find_grace
from .identity import own_container
from .listener import listen

__all__ = ["ask_grace", "find_grace", "listen", "own_container"]
