"""
What the API says of a pod, and what of it means that the end is coming: pure, row by row.

Theory of operation. `deletionTimestamp` is the time of the request and the grace (`BeforeDelete` of the API server), so
it is when the pod will be gone; it is never taken back, and only becomes earlier. The kubelet gives at least two
seconds. It counts them from when it hears of the deletion itself: where the instant is over although we live, as after
a partition, it has only just heard, and the whole grace lies ahead. `DisruptionTarget` is written before the deletion
that it announces, and becomes `False` again if none follows within two minutes (`stalePodDisruptionTimeout`). The
kubelet's own (`TerminationByKubelet`: the node shuts down, or lacks something) is held back until all containers have
ended (`mergePodStatus`); one that comes earlier says that they are being ended.
"""

from __future__ import annotations

from ...core.grace import Grace
from ...core.notice import Action, DeadlineKind
from ...core.pods import FLOOR_S
from ...core.sighting import Sighting
from ...core.spans import LONGEST_S
from ...glance import Unclear, instant
from ...hints import Any

BY_KUBELET = "TerminationByKubelet"
"""The reason with which the kubelet itself ends a pod."""
DELETED, REMOVED = "pod deleted", "pod removed"
_SHOWN = 200


def uid_of(pod: Any) -> str:
    """Return what tells a pod from others of its name; raise `Unclear` for what is no pod."""
    try:
        found = pod["metadata"]["uid"]
    except (KeyError, TypeError):
        found = None
    if not isinstance(found, str) or not found:
        raise Unclear(f"{str(pod)[:80]!r} is no pod")
    return found


def grace_of(pod: Any) -> Grace | None:
    """Return how long *pod* has to end: what its deletion says, or else its specification; None if neither does."""
    for part, key in (("metadata", "deletionGracePeriodSeconds"), ("spec", "terminationGracePeriodSeconds")):
        seconds = _span(_part(pod, part).get(key))
        if seconds is not None:
            return Grace(seconds, f"{key} of the pod, from the API")
    return None


def sightings_of(pod: Any, wall: float, disruption: Action) -> list[Sighting]:
    """
    Return what *pod* says of its end.

    Args:

        pod: The pod.

        wall: The time of the API server, seconds since 1970.

        disruption: What it asks for that a deletion is announced.
    """
    reason, message = _disruption(pod)
    cause, about = (reason, message) if reason else (DELETED, "")
    key = uid_of(pod)
    if _part(pod, "metadata").get("deletionTimestamp") is not None:
        deadline = deadline_of(pod)
        if deadline is not None and deadline > wall:
            return [Sighting(key, cause, deadline=deadline, about=about)]
        grace = grace_of(pod)
        within = None if grace is None or grace.seconds is None else max(grace.seconds, FLOOR_S)
        return [Sighting(key, cause, within=within, kind=DeadlineKind.ASSUMED, about=about)]
    if reason == BY_KUBELET:
        return [Sighting(key, cause, about=about)]
    return [Sighting(key, cause, disruption, can_cancel=True, about=about)] if reason else []


def removed(key: str) -> Sighting:
    """Return what it means that a pod is in the API no more, while it lives: the kubelet gives it its least."""
    return Sighting(key, REMOVED, within=FLOOR_S, kind=DeadlineKind.ASSUMED)


def deadline_of(pod: Any) -> float | None:
    """Return when a pod that is being deleted will be gone, seconds since 1970; None if that cannot be read."""
    metadata = _part(pod, "metadata")
    try:
        told = instant(metadata.get("deletionTimestamp"))
    except Unclear:
        return None
    grace = _span(metadata.get("deletionGracePeriodSeconds"))
    return told if grace is None else told + max(0.0, FLOOR_S - grace)


def _disruption(pod: Any) -> tuple[str, str]:
    """Return why a disruption is announced, in the cluster's word, and what is said beside; empty where none is."""
    conditions = _part(pod, "status").get("conditions")
    for each in conditions if isinstance(conditions, list) else ():
        if isinstance(each, dict) and each.get("type") == "DisruptionTarget" and each.get("status") == "True":
            return str(each.get("reason") or "DisruptionTarget")[:_SHOWN], str(each.get("message") or "")[:_SHOWN]
    return "", ""


def _part(pod: Any, name: str) -> dict[str, Any]:
    found = pod.get(name) if isinstance(pod, dict) else None
    return found if isinstance(found, dict) else {}


def _span(found: Any) -> float | None:
    if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= LONGEST_S:
        return float(found)
    return None
