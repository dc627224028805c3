"""How a pod ends, in virtual time: the kubelet's arithmetic, the same that `processender check` reckons with."""

from __future__ import annotations

from ..core.pods import FLOOR_S, NEVER, Fate, Timing, foretell, left_of, prerequisites, stop_limit

__all__ = ["FLOOR_S", "NEVER", "Fate", "Timing", "foretell", "left_of", "prerequisites", "stop_limit"]
