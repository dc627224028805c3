"""Rules about preStop hooks: they run before SIGTERM, on the same grace."""

from __future__ import annotations

from collections.abc import Iterator

from ..agent.durations import format_duration
from ..core.pods import FLOOR_S
from .facts import Facts, Hook
from .finding import ERROR, NOTE, WARNING, Finding
from .workload import Pod


def hook_eats_grace(pod: Pod, facts: Facts) -> Iterator[Finding]:
    """Find a hook that leaves the application little of the grace, or nothing."""
    for container in pod.living:
        seconds = facts.hooks.get(container.name, Hook()).seconds
        if pod.grace <= 0 or seconds < pod.grace / 2:
            continue
        what = f"the preStop hook sleeps {format_duration(seconds)} of the {pod.grace} s of the pod"
        step = "sleep as long as the slowest proxy needs to hear of it, 5 to 15 s, and add that to the grace period"
        if seconds >= pod.grace:
            why = f"the kubelet cuts it off, and the application has {FLOOR_S} s from SIGTERM to SIGKILL"
        else:
            why = f"the application has {facts.left(pod, container)} s from SIGTERM to SIGKILL"
        severity = ERROR if seconds >= pod.grace else WARNING
        yield Finding(container.hook.place, severity, "pre-stop-eats-grace", pod.subject(container), what, why, step)


def sleep_needs_binary(pod: Pod, facts: Facts) -> Iterator[Finding]:
    """Find a hook that needs a program which many images do not have."""
    for container in pod.living:
        if facts.hooks.get(container.name, Hook()).binary:
            what = "the preStop hook runs a `sleep` of the image"
            why = "an image without one fails the hook (FailedPreStopHook), and SIGTERM comes at once"
            step = "from Kubernetes 1.30 on write `preStop: {sleep: {seconds: N}}`, which needs nothing in the image"
            place = container.hook.place
            yield Finding(place, NOTE, "sleep-needs-binary", pod.subject(container), what, why, step)
