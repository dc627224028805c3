"""The tables of rules, and those about the time of a pod."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..agent.durations import format_duration
from ..core.pods import FLOOR_S
from .facts import Facts
from .finding import ERROR, NOTE, WARNING, Finding
from .rules_hooks import hook_eats_grace, sleep_needs_binary
from .rules_shells import shell_keeps_signal
from .rules_sidecars import mesh_proxy_not_native, sidecar_ends_first, sidecar_not_native, sidecar_without_hook
from .rules_traffic import no_drain_delay, no_readiness_probe, readiness_elsewhere, slow_readiness_probe
from .workload import Pod

MARGIN_S = 2
"""By how much an agent should be ready before KILL: the kubelet counts in whole seconds, and begins before it."""


def grace_too_short(pod: Pod, _facts: Facts) -> Iterator[Finding]:
    """Find a pod that is given no time, or no more than the kubelet would give anyway."""
    node, grace = pod.grace_node, pod.grace
    if grace > FLOOR_S:
        return
    what = f"terminationGracePeriodSeconds is {grace}"
    step = f"say how long the clean-up takes; without the line a pod has 30 s, and {FLOOR_S} s are the least"
    if grace < 1:
        why = "the pod is killed without a signal and without its preStop hooks"
        yield Finding(node.place, ERROR, "grace-too-short", pod.subject(), what, why, step)
    else:
        why = f"from SIGTERM to SIGKILL there are {FLOOR_S} s, whatever a hook takes, and nothing is left for a plan"
        yield Finding(node.place, WARNING, "grace-too-short", pod.subject(), what, why, step)


def grace_shorter_than_plan(pod: Pod, facts: Facts) -> Iterator[Finding]:
    """Find an agent that plans with more time than the kubelet gives it."""
    for container in pod.living:
        agent = facts.agents.get(container.name)
        if agent is None:
            continue
        left, grace = facts.left(pod, container), agent.settings.grace
        hook = facts.hooks.get(container.name)
        spent = f", {format_duration(hook.seconds)} of it for its preStop hook" if hook and hook.seconds else ""
        what = f"the agent plans with {format_duration(grace)}, and has {left} s: the pod has {pod.grace} s{spent}"
        needed = _needed(pod, left, grace)
        step = f"set terminationGracePeriodSeconds to {needed} or more, or give the agent a shorter --grace"
        place = pod.grace_node.place if pod.grace_node else container.runs_at.place
        if grace > left:
            worst = f"; at worst its steps take {format_duration(agent.worst)}" if agent.worst > 1 else ""
            why = f"SIGKILL comes in the middle of the plan, and the report says nothing of it{worst}"
            yield Finding(place, ERROR, "grace-shorter-than-plan", pod.subject(container), what, why, step)
        elif grace > left - MARGIN_S:
            why = "SIGKILL races with the end of the plan: the kubelet counts in whole seconds and begins first"
            yield Finding(place, WARNING, "grace-without-margin", pod.subject(container), what, why, step)


def _needed(pod: Pod, left: int, grace: float) -> int:
    return int(-(-grace // 1)) + MARGIN_S + pod.grace - min(left, pod.grace)


def configuration_unseen(pod: Pod, facts: Facts) -> Iterator[Finding]:
    """Find an agent whose configuration was not given."""
    for container in pod.living:
        agent = facts.agents.get(container.name)
        if agent is not None and agent.unseen:
            what = f"the agent reads {agent.unseen}, which was not given"
            why = "its grace, its drain delay and its steps are taken from the flags and variables alone"
            step = "name the file, or the manifest of its ConfigMap, beside this one"
            yield Finding(container.runs_at.place, NOTE, "config-unseen", pod.subject(container), what, why, step)


Rule = Callable[[Pod, Facts], Iterator[Finding]]

POD_RULES: tuple[Rule, ...] = (
    grace_too_short,
    grace_shorter_than_plan,
    configuration_unseen,
    hook_eats_grace,
    sleep_needs_binary,
    no_readiness_probe,
    readiness_elsewhere,
    slow_readiness_probe,
    no_drain_delay,
    shell_keeps_signal,
    sidecar_not_native,
    sidecar_without_hook,
    sidecar_ends_first,
    mesh_proxy_not_native,
)
"""What is asked of every pod."""
