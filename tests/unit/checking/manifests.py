"""Manifests for the tests: one that is well, and what can be said otherwise."""

from __future__ import annotations

from processender.checking.audit import audit
from processender.checking.finding import Finding

AGENT = '["processender", "run", "--grace", "20s", "--drain-delay", "5s", "--", "./server"]'
SERVING = "ports: [{containerPort: 8080}]"
PROBE = "readinessProbe: {httpGet: {path: /readyz, port: 8081}, periodSeconds: 1, failureThreshold: 1}"
SLEEP = "lifecycle: {preStop: {sleep: {seconds: 5}}}"
SIDECAR = '["processender", "sidecar", "--watch-name", "server", "--grace", "20s"]'
PRE_STOP = 'lifecycle: {preStop: {exec: {command: ["processender", "pre-stop"]}}}'


def container(name: str, *lines: str, image: str = "registry.example.com/shop:1") -> str:
    """Return a container as an element of a list."""
    return "\n".join([f"- name: {name}", f"  image: {image}", *(f"  {line}" for line in lines)])


def pod(*containers: str, inits: tuple[str, ...] = (), grace: int | None = None, **marks: str) -> str:
    """Return a pod with its containers and its annotations."""
    lines = ["apiVersion: v1", "kind: Pod", "metadata:", "  name: shop"]
    if marks:
        lines += ["  annotations:", *(f"    {key.replace('__', '/')}: {value}" for key, value in marks.items())]
    lines += ["spec:"] + ([f"  terminationGracePeriodSeconds: {grace}"] if grace is not None else [])
    for key, each in (("initContainers", inits), ("containers", containers)):
        lines += [f"  {key}:", *("  " + line for one in each for line in one.splitlines())] if each else []
    return "\n".join(lines) + "\n"


def findings(text: str, **others: str) -> list[Finding]:
    """Return what is found in a manifest, beside other files by their names with `_` for the dot."""
    made = audit({"pod.yaml": text, **{name.replace("_", "."): each for name, each in others.items()}})

    assert () == made.unread
    return list(made.findings)


def codes(text: str, **others: str) -> dict[str, str]:
    """Return the codes of what is found, each with its severity."""
    return {each.code: each.severity for each in findings(text, **others)}
