"""
A double of a cluster's API, as far as a pod asks it about itself: EndpointSlices, and the status of pods.

Source: the conditions of endpoints in `discovery.k8s.io/v1` (a terminating one is never ready, but may be serving), and
the kubelet's rule that a pod is ready when its containers are and each of its readiness gates is true. What changes is
seen in the slices after *lag* looks, as their controller lets it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from .served import Asked, Served, Told, as_json

LIST, PATCH = ("list", "endpointslices"), ("patch", "pods/status")
_LABEL = "kubernetes.io/service-name"
_STRATEGIC = "application/strategic-merge-patch+json"


class Pod:
    """A pod, and what decides whether it gets traffic."""

    def __init__(self, name: str, gates: tuple[str, ...] = ()) -> None:
        """Run, with the readiness *gates* of its specification."""
        self.name = name
        """Its name."""
        self.probe = True
        """What its readiness probe says."""
        self.terminating = False
        """Whether it is being deleted."""
        self.conditions: dict[str, dict[str, Any]] = {}
        """The conditions of its status, by type."""
        self._gates = gates

    @property
    def ready(self) -> bool:
        """Whether the kubelet calls it ready."""
        return self.probe and all(self.conditions.get(gate, {}).get("status") == "True" for gate in self._gates)

    def endpoint(self, address: str) -> dict[str, Any]:
        """Return its entry in a slice."""
        conditions = {"ready": self.ready and not self.terminating, "serving": self.ready}
        return {
            "addresses": [address],
            "conditions": {**conditions, "terminating": self.terminating},
            "nodeName": "node-1",
            "targetRef": {"kind": "Pod", "name": self.name, "namespace": "default", "uid": f"uid-{self.name}"},
        }


class Cluster(Served):
    """The API of a cluster with one namespace, `default`, and Services that select pods by name."""

    def __init__(self, *, token: str, lag: int = 0, certificate: tuple[str, str] | None = None) -> None:
        """Know no pod; *token* is that of the only service account."""
        super().__init__(certificate)
        self.token = token
        """The token of the service account."""
        self.lag = lag
        """How many looks the slices are behind each change."""
        self.allowed = {LIST, PATCH}
        """What the service account may do, each a verb and a resource."""
        self.services: dict[str, list[Pod]] = {}
        """The pods of each Service; one that has gone is removed."""
        self._shown: dict[str, list[Any]] = {}
        self._seen: list[Any] = []
        self._behind = 0

    def answer(self, asked: Asked) -> Told:
        """Answer as the API does."""
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return _status(401, "Unauthorized", "Unauthorized")
        match asked.path.strip("/").split("/"):
            case ["apis", "discovery.k8s.io", "v1", "namespaces", "default", "endpointslices"]:
                return self._refused(LIST, "discovery.k8s.io") or self._list(asked.query)
            case ["api", "v1", "namespaces", "default", "pods", name, "status"] if asked.method == "PATCH":
                return self._refused(PATCH, "") or self._patch(unquote(name), asked)
        return _status(404, "NotFound", "the server could not find the requested resource")

    def _refused(self, what: tuple[str, str], group: str) -> Told | None:
        if what in self.allowed:
            return None
        user = "system:serviceaccount:default:shop"
        text = f'{what[1]} is forbidden: User "{user}" cannot {what[0]} resource "{what[1]}" in API group "{group}"'
        return _status(403, "Forbidden", f'{text} in the namespace "default"')

    def _list(self, query: dict[str, list[str]]) -> Told:
        wanted = query.get("labelSelector", [""])[0].removeprefix(f"{_LABEL}=")
        state = [(pod.name, pod.ready, pod.terminating) for pods in self.services.values() for pod in pods]
        if state != self._seen:
            self._behind, self._seen = (self.lag if self._seen else 0), state
        if self._behind > 0:
            self._behind -= 1
        else:
            self._shown = {name: [pod.endpoint("10.12.1.201") for pod in pods] for name, pods in self.services.items()}
        labels = {_LABEL: wanted}
        items = [
            {"metadata": {"name": f"{wanted}-x7k2p", "labels": labels}, "addressType": "IPv4", "endpoints": endpoints}
            for endpoints in ([self._shown[wanted]] if wanted in self._shown else [])
        ]
        name = query.get("fieldSelector", [""])[0].removeprefix("metadata.name=")
        items = [item for item in items if name in {"", f"{wanted}-x7k2p"}]
        return as_json(
            {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": {}, "items": items}
        )

    def _patch(self, name: str, asked: Asked) -> Told:
        if asked.headers.get("content-type") != _STRATEGIC:
            return _status(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        pod = next((each for pods in self.services.values() for each in pods if each.name == name), None)
        if pod is None:
            return _status(404, "NotFound", f'pods "{name}" not found')
        for condition in json.loads(asked.body)["status"]["conditions"]:
            pod.conditions[condition["type"]] = pod.conditions.get(condition["type"], {}) | condition
        return as_json(
            {"kind": "Pod", "metadata": {"name": name}, "status": {"conditions": [*pod.conditions.values()]}}
        )


def _status(code: int, reason: str, message: str) -> Told:
    told = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return as_json({**told, "reason": reason, "code": code}, code)
