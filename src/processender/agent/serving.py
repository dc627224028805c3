"""The control face at its address: loopback, unless another one is named in so many words."""

from __future__ import annotations

from .face import ControlFace
from .probes import ProbeServer
from .steered import Steered

LOOPBACK = "127.0.0.1"


def control_face(address: str, agent: Steered) -> ProbeServer:
    """Return what serves the control face of *agent*; raise `ProbeError` when it cannot listen at *address*."""
    # Without a host the probe face takes every address; here it takes the one that nobody else reaches.
    whole = f"{LOOPBACK}{address}" if address.startswith(":") else address
    return ProbeServer(whole, ControlFace(agent), agent.clock, option="--control-listen")
