"""
How a pod ends, in virtual time: the arithmetic with which the kubelet spends one grace period.

Source: the kubelet's `killContainer`. For each container, side by side: the preStop hook blocks, for no longer than the
grace; a native sidecar waits for the containers before it, for no longer than what is left; both take whole seconds out
of the grace, rounded down; what is left, but never less than two seconds, is the time from the stop signal to KILL.
Times here are the kubelet's seconds, since the pod was deleted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .record import Record

FLOOR_S = 2
"""The least time from the stop signal to KILL."""
NEVER = math.inf


class Timing(Record):
    """What one container will do. Times are seconds."""

    name: str
    """Its name."""
    hook: float | None = None
    """How long its preStop hook runs; None if it has none."""
    stops: float = 0.0
    """How long after the stop signal it ends; `NEVER` if it does not hear it."""
    sidecar: bool = False
    """Whether it is a native sidecar: an init container with `restartPolicy: Always`."""
    ends: float = NEVER
    """When it ends by itself."""


class Fate(Record):
    """What becomes of one container."""

    name: str
    """Its name."""
    term_at: float
    """When the stop signal came; `NEVER` if it had ended before."""
    kill_at: float
    """When KILL came, or would have come."""
    gone_at: float
    """When it had ended."""
    killed: bool
    """Whether it was killed."""


def foretell(timings: Sequence[Timing], grace: int, restart_at: float | None = None) -> dict[str, Fate]:
    """
    Return what becomes of each container of a pod.

    Args:

        timings: The containers in the order of the manifest, native sidecars first.

        grace: `terminationGracePeriodSeconds`.

        restart_at: When the kubelet is restarted midway; it begins again, with the full grace.
    """
    fates = _round(timings, grace, 0.0, {})
    if restart_at is None or all(fate.gone_at <= restart_at for fate in fates.values()):
        return fates
    before = {name: fate for name, fate in fates.items() if fate.gone_at <= restart_at}
    told = {name: fate.term_at for name, fate in fates.items() if fate.term_at <= restart_at}
    left = [timing.replace(ends=_end(timing, told)) for timing in timings if timing.name not in before]
    again = _round(left, grace, restart_at, before)
    return {
        timing.name: again[timing.name].replace(term_at=min(told.get(timing.name, NEVER), again[timing.name].term_at))
        for timing in timings
    }


def prerequisites(containers: Sequence[Timing]) -> dict[str, list[str]]:
    """Return whom each container waits for: a native sidecar for all others, and for the sidecars behind it."""
    sidecars = [each.name for each in containers if each.sidecar]
    mains = [each.name for each in containers if not each.sidecar]
    found: dict[str, list[str]] = {name: [] for name in mains}
    found |= {name: [*mains, *sidecars[number + 1 : number + 2]] for number, name in enumerate(sidecars)}
    return found


def left_of(grace: int, seconds: float) -> int:
    """Return what is left of *grace* after *seconds*, which count in whole ones, rounded down."""
    return grace - int(seconds)


def stop_limit(grace: int) -> int:
    """Return how long the stop signal is given, of what is left of the grace."""
    return max(grace, FLOOR_S)


def _end(timing: Timing, told: Mapping[str, float]) -> float:
    """Return when it ends if nobody tells it again: it has heard the signal already, or it has not."""
    return min(timing.ends, told[timing.name] + timing.stops) if timing.name in told else timing.ends


def _round(timings: Sequence[Timing], grace: int, begun: float, before: Mapping[str, Fate]) -> dict[str, Fate]:
    fates = dict(before)
    waits = prerequisites(timings)
    # Sidecars end in reverse order, after all others, so nobody's fate hangs on one that is not known yet.
    backwards = timings[::-1]
    for timing in sorted(backwards, key=lambda each: each.sidecar):
        at, left = begun, grace
        if timing.hook is not None and left > 0:
            took = min(timing.hook, left, max(0.0, timing.ends - at))
            at, left = at + took, left_of(left, took)
        if waits[timing.name] and left > 0:
            turn = max(fates[name].gone_at for name in waits[timing.name])
            took = min(max(0.0, turn - at), left)
            at, left = at + took, left_of(left, took)
        fates[timing.name] = _stopped(timing, at, stop_limit(left))
    return fates


def _stopped(timing: Timing, at: float, limit: int) -> Fate:
    if timing.ends <= at:
        return Fate(timing.name, NEVER, at + limit, timing.ends, killed=False)
    gone = min(at + timing.stops, timing.ends)
    return Fate(timing.name, at, at + limit, min(gone, at + limit), killed=gone > at + limit)
