"""Rules about traffic: who says that a container is ready, how fast it stops saying so, and what waits meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from ..agent.durations import format_duration
from .documents import Node
from .facts import Agent, Facts, Hook
from .finding import NOTE, WARNING, Finding
from .workload import Container, Pod

_PERIOD_S, _FAILURES = 10, 3
"""What the kubelet takes for a probe that does not say it."""


def no_readiness_probe(pod: Pod, _facts: Facts) -> Iterator[Finding]:
    """Find a container that serves and that nobody asks whether it does."""
    for container in pod.living:
        if pod.serves_on and container.serves and not container.node.get("readinessProbe"):
            what = "it has ports and no readinessProbe"
            why = "it counts as ready as soon as it has started, and while it drains: requests come that nobody answers"
            step = "add a readinessProbe; with an agent: `httpGet: {path: /readyz, port: ...}` of --probe-listen"
            place = container.node.get("ports").place
            yield Finding(place, WARNING, "no-readiness-probe", pod.subject(container), what, why, step)


def readiness_elsewhere(pod: Pod, facts: Facts) -> Iterator[Finding]:
    """Find a probe that does not ask the agent, whose drain it cannot see."""
    for container, agent, probe in _probed(pod, facts):
        if agent.settings.drain_delay and not _asks_agent(probe):
            what = "the readiness probe asks the program, not the agent"
            why = "while the agent drains the program is as ready as ever, so who follows the probe goes on sending"
            step = "probe `httpGet: {path: /readyz, port: ...}` of --probe-listen; a [checks] of it asks the program"
            yield Finding(probe.place, NOTE, "readiness-elsewhere", pod.subject(container), what, why, step)


def slow_readiness_probe(pod: Pod, facts: Facts) -> Iterator[Finding]:
    """Find a probe that notices the drain only when its delay is over."""
    for container, agent, probe in _probed(pod, facts):
        if not _asks_agent(probe):
            continue
        slow, delay = _seconds_to_fail(container), agent.settings.drain_delay
        if 0 < delay < slow:
            what = f"the readiness probe takes up to {slow} s to fail, and the drain delay is {format_duration(delay)}"
            why = (
                "after a `processender drain`, or for a balancer that follows the probe, requests still come when the "
                "program ends; a deletion is faster: it takes the endpoint out by itself"
            )
            step = "set periodSeconds: 1 and failureThreshold: 1, or give the agent a longer --drain-delay"
            yield Finding(probe.place, WARNING, "slow-readiness-probe", pod.subject(container), what, why, step)


def _probed(pod: Pod, facts: Facts) -> Iterator[tuple[Container, Agent, Node]]:
    """Yield the agents whose drain a readiness probe should see."""
    for container in pod.living:
        agent, probe = facts.agents.get(container.name), container.node.get("readinessProbe")
        if agent is not None and probe and pod.serves_on and agent.settings.on_drain == "fail-readiness":
            yield container, agent, probe


def _asks_agent(probe: Node) -> bool:
    return probe.get("httpGet", "path").text() == "/readyz"


def _seconds_to_fail(container: Container) -> int:
    probe = container.node.get("readinessProbe")
    period, failures = probe.get("periodSeconds").number(), probe.get("failureThreshold").number()
    return (_PERIOD_S if period is None else period) * (_FAILURES if failures is None else failures)


def no_drain_delay(pod: Pod, facts: Facts) -> Iterator[Finding]:
    """Find a container that serves and stops as soon as it is told, while proxies still send."""
    for container in pod.living:
        hook = facts.hooks.get(container.name)
        if not (pod.serves_on and container.serves) or (hook is not None and (hook.seconds or not _is_known(hook))):
            continue
        agent = facts.agents.get(container.name)
        if agent is not None and not _stops_at_once(agent):
            continue
        why = "SIGTERM and the news to the proxies go out side by side: requests come after the program has stopped"
        if agent is None:
            what = "nothing here waits before the program is told to end"
            step = "wait in the program (the library does), or add `preStop: {sleep: {seconds: 5}}`"
        else:
            what = "the agent has no drain delay"
            step = "add --drain-delay 5s, and as much to terminationGracePeriodSeconds"
        severity = NOTE if agent is None else WARNING
        place = container.node.get("ports").place if agent is None else container.runs_at.place
        yield Finding(place, severity, "no-drain-delay", pod.subject(container), what, why, step)


def _is_known(hook: Hook) -> bool:
    return hook.native or hook.binary


def _stops_at_once(agent: Agent) -> bool:
    # A sidecar ends nothing; who waits there is the hook of the application.
    return agent.verb == "run" and not agent.settings.drain_delay and not agent.unseen
