"""
What a pod asks of the API of its cluster, with its service account.

Source: the cluster tells each container where the API is by `KUBERNETES_SERVICE_HOST` and `_PORT`, and mounts `token`,
`ca.crt` and `namespace`; the kubelet replaces the token before it expires, so it is read for each request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from urllib.parse import quote, urlencode

from ...errors import HandlerError, Permanent, Transient
from ...exchange import Answer, HTTPStatusRefused, Request, exchange, judge
from ...hints import Any
from ...ports import Context
from ...secret import reveal_token

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where the service account is mounted."""
SILENT_S = 5.0
"""The longest that the API may be silent."""
MOST_BYTES = 16_000_000
"""How much of an answer is read."""


class Api:
    """The API of the cluster, in one namespace."""

    def __init__(self, url: str, account: str, namespace: str) -> None:
        """Find it; raise `HandlerError` without a service account."""
        self._base = (url or _from_environment()).rstrip("/")
        self._token = os.path.join(account, "token")
        authority = os.path.join(account, "ca.crt")
        self._authority = authority if os.path.exists(authority) else None
        self.namespace = namespace or _read(os.path.join(account, "namespace"))
        """Its name."""

    def slices_of(self, service: str, name: str = "") -> Request:
        """Return the request for the EndpointSlices of a Service, or for the one of them with this *name*."""
        wanted = {"labelSelector": f"kubernetes.io/service-name={service}"}
        query = urlencode(wanted | ({"fieldSelector": f"metadata.name={name}"} if name else {}))
        place = f"/apis/discovery.k8s.io/v1/namespaces/{quote(self.namespace, safe='')}/endpointslices"
        return self._request("GET", f"{place}?{query}")

    def status_of(self, pod: str) -> Request:
        """Return the request that changes the status of a pod."""
        return self._request("PATCH", f"{self._pods}/{quote(pod, safe='')}/status")

    def pods_named(self, name: str) -> Request:
        """Return the request for the list of pods with this *name*, of which there is at most one."""
        return self._request("GET", f"{self._pods}?{urlencode({'fieldSelector': f'metadata.name={name}'})}")

    def new_event(self) -> Request:
        """Return the request that makes an event."""
        return self._request("POST", f"/api/v1/namespaces/{quote(self.namespace, safe='')}/events")

    def uid_of(self, pod: str, ctx: Context) -> str:
        """Return the uid of *pod*; empty where there is none of that name."""
        request = self.pods_named(pod)
        answer = exchange(request, ctx, headers=self.fields(), timeout=SILENT_S, most=MOST_BYTES)
        granted(request, answer, "list", "pods")
        try:
            found = [each["metadata"]["uid"] for each in json.loads(answer.body)["items"] or ()]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Transient(f"{request.shown} was answered with what is no list of pods: {error!r}") from error
        return str(found[0]) if found else ""

    def watch_of(self, name: str, version: str, seconds: int) -> Request:
        """Return the request that watches the pod of this *name* for so many *seconds*, from a *version* on."""
        query = {"fieldSelector": f"metadata.name={name}", "watch": "true", "allowWatchBookmarks": "true"}
        return self._request(
            "GET", f"{self._pods}?{urlencode(query | {'resourceVersion': version, 'timeoutSeconds': seconds})}"
        )

    def fields(self) -> dict[str, str]:
        """Return the header fields that say who asks; the token is read anew."""
        return {"Authorization": f"Bearer {reveal_token({'file': self._token}).decode()}"}

    @property
    def _pods(self) -> str:
        return f"/api/v1/namespaces/{quote(self.namespace, safe='')}/pods"

    def entries(self, ctx: Context, request: Request, pod: str) -> list[tuple[str, Any]]:
        """Return the conditions of the endpoints of *pod*, one for each family of addresses, each behind its slice."""
        answer = self._ask(ctx, request, None, {})
        try:
            return list(_entries_of(json.loads(answer.body)["items"] or (), pod))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Transient(f"{request.shown} was answered with what is no list of slices: {error!r}") from error

    def patch(self, ctx: Context, request: Request, change: Any) -> None:
        """Merge *change* into what is there; conditions merge by their type."""
        content = {"Content-Type": "application/strategic-merge-patch+json"}
        self._ask(ctx, request, json.dumps(change).encode(), content)

    def _request(self, method: str, target: str) -> Request:
        return Request(method, f"{self._base}{target}", {"Accept": "application/json"}, authority=self._authority)

    def _ask(self, ctx: Context, request: Request, body: bytes | None, headers: dict[str, str]) -> Answer:
        fields = headers | self.fields()
        answer = exchange(request, ctx, body, headers=fields, timeout=SILENT_S, most=MOST_BYTES)
        verb, what = ("list", "endpointslices in discovery.k8s.io") if body is None else ("patch", "pods/status")
        return granted(request, answer, verb, what)


def _entries_of(slices: Iterable[Any], pod: str) -> Iterator[tuple[str, Any]]:
    for each in slices:
        for entry in each.get("endpoints") or ():
            ref = entry.get("targetRef") or {}
            if ref.get("kind") == "Pod" and ref.get("name") == pod:
                yield each["metadata"]["name"], entry.get("conditions") or {}


def granted(request: Request, answer: Answer, verb: str, what: str) -> Answer:
    """
    Return *answer* if it is one; raise what its status means, with what to do about it.

    The service account must be allowed the *verb* on *what*.
    """
    try:
        return judge(request, answer)
    except HTTPStatusRefused as error:
        said = _message(answer)
        if answer.status == 401:
            text = f"the API of the cluster does not know the service account: {said}; is its token mounted?"
        elif answer.status == 403:
            text = f"the service account may not {verb} {what}: {said}; bind a Role with the verb {verb!r} to it"
        else:
            raise
        raise Permanent(text) from error


def _message(answer: Answer) -> str:
    """Return what a `Status` of the API says."""
    try:
        return answer.shown(str(json.loads(answer.body)["message"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return answer.quoted(200)


def in_cluster() -> bool:
    """Tell whether this is a container of a cluster."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def _from_environment() -> str:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        text = f"cannot read {path}: {error.strerror}"
        raise HandlerError(f"{text}; the pod needs automountServiceAccountToken: true") from error
