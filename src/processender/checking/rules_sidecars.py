"""Rules about sidecars: who ends first, and who tells whom."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .facts import Facts
from .finding import ERROR, NOTE, WARNING, Finding
from .workload import Pod

_PROXIES = re.compile(
    r"(?:^|/)(?:envoy|istio/proxyv2|linkerd/proxy|cloud-sql-proxy|gce-proxy|cloud-sql-connectors/[\w-]+)(?:[:@]|$)"
)
"""Images of proxies through which the application talks."""
_NAMES = frozenset({"istio-proxy", "linkerd-proxy", "envoy", "cloud-sql-proxy"})
_MESHES = (
    ("sidecar.istio.io/inject", "true", ("sidecar.istio.io/nativeSidecar",), "Istio"),
    (
        "linkerd.io/inject",
        "enabled",
        ("config.beta.linkerd.io/proxy-enable-native-sidecar", "config.alpha.linkerd.io/proxy-enable-native-sidecar",
         "config.alpha.linkerd.io/proxy-wait-before-exit-seconds"),
        "Linkerd",
    ),
)  # fmt: skip
"""The mark that asks for a proxy, the marks that say when it ends, and whose they are."""


def sidecar_not_native(pod: Pod, _facts: Facts) -> Iterator[Finding]:
    """Find a sidecar of ours among the init containers that the pod would wait for."""
    for container in pod.containers:
        if container.init and not container.native and container.ours is not None and container.ours.verb == "sidecar":
            what = "`processender sidecar` is an init container without `restartPolicy: Always`"
            why = "the pod waits for it to end before it starts the application, and it never does"
            step = "add `restartPolicy: Always`, which makes it a native sidecar (Kubernetes 1.29 and later)"
            place = container.node.place
            yield Finding(place, ERROR, "sidecar-not-native", pod.subject(container), what, why, step)


def sidecar_without_hook(pod: Pod, facts: Facts) -> Iterator[Finding]:
    """Find a sidecar of ours that nobody tells of the end in time."""
    for container in pod.living:
        agent, hook = facts.agents.get(container.name), facts.hooks.get(container.name)
        if agent is None or agent.verb != "sidecar":
            continue
        if hook is not None and hook.ours is not None and hook.ours.verb == "pre-stop":
            continue
        what = "`processender sidecar` without the preStop hook `processender pre-stop`"
        if container.native:
            why = "a native sidecar gets SIGTERM after all others have ended, perhaps 2 s before SIGKILL: too late"
        else:
            why = "it gets SIGTERM together with the application, and nothing holds it until that has ended"
        step = 'add `lifecycle: {preStop: {exec: {command: ["processender", "pre-stop"]}}}` to this container'
        place = container.runs_at.place
        yield Finding(place, ERROR, "sidecar-without-pre-stop", pod.subject(container), what, why, step)


def sidecar_ends_first(pod: Pod, _facts: Facts) -> Iterator[Finding]:
    """Find a proxy that ends while the application still needs it."""
    mains = [each for each in pod.living if not each.init]
    for container in mains:
        image = container.node.get("image").text()[:1000]
        is_proxy = container.name in _NAMES or bool(_PROXIES.search(image))
        if is_proxy and len(mains) > 1 and not container.hook and container.ours is None:
            what = f"{container.name} is a proxy beside the application, and has no preStop hook"
            why = "it gets SIGTERM at the same time, and the requests that the application still works on are cut"
            step = "make it an init container with `restartPolicy: Always`: then it ends after the application"
            place = container.node.place
            yield Finding(place, WARNING, "sidecar-ends-first", pod.subject(container), what, why, step)


def mesh_proxy_not_native(pod: Pod, _facts: Facts) -> Iterator[Finding]:
    """Find a pod that asks for the proxy of a mesh and leaves open when that ends."""
    for mark, value, hints, mesh in _MESHES:
        asked = pod.mark(mark)
        if asked.text() == value and not any(pod.mark(hint) for hint in hints):
            what = f"{mesh} puts a proxy into this pod, and nothing here says that it is a native sidecar"
            why = "unless the mesh makes it one by itself, it ends beside the application and cuts what that still does"
            step = f'add the annotation {hints[0]}: "true", or see that the mesh is set so'
            yield Finding(asked.place, NOTE, "mesh-proxy-not-native", pod.subject(), what, why, step)
