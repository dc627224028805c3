"""
A double of a cluster's API, as far as a pod asks it about itself: EndpointSlices, and pods, listed and watched.

Source: the conditions of endpoints in `discovery.k8s.io/v1` (a terminating one is never ready, but may be serving), and
the kubelet's rule that a pod is ready when its containers are and each of its readiness gates is true. What changes is
seen in the slices after *lag* looks, as their controller lets it. Of pods: the server's `BeforeDelete`, by which
`deletionTimestamp` is the time of the request and the grace, in whole seconds, and a second request can only shorten
it; the order in which `EvictionByEvictionAPI` and its like are written before the deletion; and the lines of a watch.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from .history import History
from .served import Asked, Served, Streamed, Told, as_json

LIST, PATCH = ("list", "endpointslices"), ("patch", "pods/status")
LIST_PODS, WATCH_PODS, DELETE_PODS = ("list", "pods"), ("watch", "pods"), ("delete", "pods")
CREATE_EVENTS = ("create", "events")
_LABEL = "kubernetes.io/service-name"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MICRO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_STRATEGIC = "application/strategic-merge-patch+json"


class Pod:
    """A pod, and what decides whether it gets traffic."""

    def __init__(self, name: str, gates: tuple[str, ...] = (), *, grace: int = 30, uid: str = "") -> None:
        """Run, with the readiness *gates* and the `terminationGracePeriodSeconds` of its specification."""
        self.name = name
        """Its name."""
        self.uid = uid or f"uid-{name}"
        """What tells it from another one of its name."""
        self.version = 0
        """Its `resourceVersion`, where the cluster has it among its pods."""
        self.grace = grace
        """Its `terminationGracePeriodSeconds`."""
        self.deletion: tuple[float, int] | None = None
        """When it will be gone, seconds since 1970, and how many seconds that leaves; None if it is not deleted."""
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
            "targetRef": {"kind": "Pod", "name": self.name, "namespace": "default", "uid": self.uid},
        }

    def told(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        metadata: dict[str, Any] = {"name": self.name, "namespace": "default", "uid": self.uid}
        metadata |= {"resourceVersion": str(self.version), "creationTimestamp": "2026-11-23T08:00:00Z"}
        if self.deletion is not None:
            at = datetime.fromtimestamp(int(self.deletion[0]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            metadata |= {"deletionTimestamp": at, "deletionGracePeriodSeconds": self.deletion[1]}
        containers = [{"name": "shop", "image": "registry.example.com/shop:1.0"}]
        spec = {"containers": containers, "terminationGracePeriodSeconds": self.grace, "nodeName": "node-1"}
        status = {"phase": "Running", "conditions": [*self.conditions.values()]}
        return {"metadata": metadata, "spec": spec, "status": status}


class Cluster(Served):
    """The API of a cluster with one namespace, `default`, and Services that select pods by name."""

    def __init__(self, *, token: str, lag: int = 0, certificate: tuple[str, str] | None = None) -> None:
        """Know no pod; *token* is that of the only service account."""
        super().__init__(certificate)
        self.token = token
        """The token of the service account."""
        self.lag = lag
        """How many looks the slices are behind each change."""
        self.events: dict[str, dict[str, Any]] = {}
        """The events that it was sent, by name."""
        self.allowed = {LIST, PATCH, LIST_PODS, WATCH_PODS, CREATE_EVENTS}
        """What the service account may do, each a verb and a resource."""
        self.services: dict[str, list[Pod]] = {}
        """The pods of each Service; one that has gone is removed."""
        self.pods: dict[str, Pod] = {}
        """The pods that can be listed and watched, by name; `run` puts one there."""
        self.history = History(self.lock)
        """What has changed in them, and who watches."""
        self._shown: dict[str, list[Any]] = {}
        self._seen: list[Any] = []
        self._behind = 0

    # What happens to pods.

    def run(self, pod: Pod) -> Pod:
        """Let *pod* be there, and return it."""
        return self._change(pod, "ADDED")

    def disrupt(self, name: str, reason: str, message: str = "", *, holds: bool = True) -> None:
        """Let the condition `DisruptionTarget` hold of a pod, with its *reason*; or no more, as when it is stale."""
        with self.lock:
            status = "True" if holds else "False"
            told = {"type": "DisruptionTarget", "status": status, "reason": reason, "message": message}
            self.pods[name].conditions["DisruptionTarget"] = told
            self._change(self.pods[name])

    def delete(self, name: str, grace: int | None = None) -> None:
        """Delete a pod; with a *grace* of 0 it is removed at once, and later ones can only be shorter."""
        with self.lock:
            pod = self.pods[name]
            seconds = pod.grace if grace is None else grace
            if pod.deletion is not None and seconds >= pod.deletion[1]:
                return
            begun = self.wall() if pod.deletion is None else pod.deletion[0] - pod.deletion[1]
            pod.deletion, pod.terminating = (begun + seconds, seconds), True
            if seconds == 0:
                self.remove(name)
            else:
                self._change(pod)

    def evict(self, name: str) -> None:
        """Evict a pod, as `kubectl drain` does."""
        self.disrupt(name, "EvictionByEvictionAPI", "Eviction API: evicting")
        self.delete(name)

    def remove(self, name: str) -> None:
        """Let a pod be gone, as when all its containers have ended."""
        with self.lock:
            self._change(self.pods.pop(name), "DELETED")

    def _change(self, pod: Pod, kind: str = "MODIFIED") -> Pod:
        with self.lock:
            pod.version = self.history.next()
            if kind == "ADDED":
                self.pods[pod.name] = pod
            self.history.tell(kind, pod.name, pod.told())
        return pod

    # The server.

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Serve no more; all watches end."""
        self.history.cut()
        super().__exit__(kind, error, trace)

    def answer(self, asked: Asked) -> Told | Streamed:
        """Answer as the API does."""
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return _status(401, "Unauthorized", "Unauthorized")
        match asked.path.strip("/").split("/"):
            case ["apis", "discovery.k8s.io", "v1", "namespaces", "default", "endpointslices"]:
                return self._refused(LIST, "discovery.k8s.io") or self._list(asked.query)
            case ["api", "v1", "namespaces", "default", "events"] if asked.method == "POST":
                return self._refused(CREATE_EVENTS, "") or self._note(asked)
            case ["api", "v1", "namespaces", "default", "pods", *rest]:
                return self._of_pods(asked, rest)
        return _status(404, "NotFound", "the server could not find the requested resource")

    def _of_pods(self, asked: Asked, rest: list[str]) -> Told | Streamed:
        match rest:
            case []:
                return self._pods(asked.query)
            case [name, "status"] if asked.method == "PATCH":
                return self._refused(PATCH, "") or self._patch(unquote(name), asked)
            case [name] if asked.method == "DELETE":
                return self._refused(DELETE_PODS, "") or self._delete(unquote(name), asked)
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

    def _pods(self, query: dict[str, list[str]]) -> Told | Streamed:
        """List or watch the pods of one name."""
        name = query.get("fieldSelector", [""])[0].removeprefix("metadata.name=")
        if query.get("watch") not in (["true"], ["1"]):
            found = [pod.told() for pod in self.pods.values() if name in {"", pod.name}]
            metadata = {"resourceVersion": str(self.history.version)}
            listed = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": found}
            return self._refused(LIST_PODS, "") or as_json(listed)
        seconds = float(query.get("timeoutSeconds", ["1800"])[0])
        since, marks = query.get("resourceVersion", [""])[0], query.get("allowWatchBookmarks") == ["true"]
        lines = self.history.watch(name, since, seconds, bookmarks=marks)
        return self._refused(WATCH_PODS, "") or Streamed(lines, (("Content-Type", "application/json"),))

    def _delete(self, name: str, asked: Asked) -> Told:
        pod = self.pods.get(name)
        if pod is None:
            return _status(404, "NotFound", f'pods "{name}" not found')
        given = json.loads(asked.body or b"{}").get("gracePeriodSeconds")
        self.delete(name, int(asked.query["gracePeriodSeconds"][0]) if "gracePeriodSeconds" in asked.query else given)
        return as_json({"kind": "Pod", "apiVersion": "v1", **pod.told()})

    def _note(self, asked: Asked) -> Told:
        event = json.loads(asked.body)
        name, wrong = event["metadata"]["name"], wrong_with(event)
        if wrong:
            return _status(422, "Invalid", f'Event "{name}" is invalid: {wrong}')
        if name in self.events:
            return _status(409, "AlreadyExists", f'events "{name}" already exists')
        self.events[name] = event
        return as_json(event, 201)

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


def wrong_with(event: Any) -> str:
    """Return why the API would not take *event*, of `v1` with an `eventTime`; empty if it would."""
    about, metadata = event["involvedObject"], event["metadata"]
    words = ("reportingComponent", "reportingInstance", "action", "reason")
    wrong = [f"{word}: Required value" for word in words if not event.get(word)]
    wrong += [f"{word}: can have at most 128 characters" for word in words if len(event.get(word, "").encode()) > 128]
    wrong += ["message: can have at most 1024 characters"] if len(event["message"].encode()) > 1024 else []
    wrong += ["involvedObject.namespace: does not match"] if about["namespace"] != metadata["namespace"] else []
    wrong += ["metadata.name: Invalid value"] if not _NAME.fullmatch(metadata["name"]) else []
    wrong += ["eventTime: Invalid value"] if not _MICRO.fullmatch(event["eventTime"]) else []
    return "; ".join(wrong)


def _status(code: int, reason: str, message: str) -> Told:
    told = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return as_json({**told, "reason": reason, "code": code}, code)
