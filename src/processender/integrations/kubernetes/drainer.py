"""Leaving traffic in a cluster, and coming back."""

from __future__ import annotations

import os
import re
import socket

from ...core.handler import Handler
from ...errors import HandlerError
from ...exchange import Request
from ...hints import Any
from ...leaving import drainer
from ...patience import check_wait, evidence
from ...ports import Context
from .api import ACCOUNT, Api, in_cluster

_GATE = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LOOK_S = 0.5
SLOWEST_S = 2.0
"""How long it comes to wait between two looks: in a rollout many pods look at once."""


def drain(
    service: str = "",
    *,
    gate: str = "",
    pod: str = "",
    namespace: str = "",
    endpoint: str = "",
    account: str = ACCOUNT,
    name: str = "",
    timeout: float | None = None,
    wait: float = 10.0,
) -> Handler:
    """
    Return the handler that waits until this pod is out of a Service, and takes it out if there is a gate.

    Args:

        service: The name of the Service; without one nothing is waited for.

        gate: The `conditionType` of a readiness gate of the pod, which becomes false; without one the pod leaves by
            its deletion, or by its readiness probe.

        pod: The name of this pod; by default the variable `POD_NAME`, or else the name of the host.

        namespace: Its namespace; by default that of the service account.

        endpoint: Where the API is; by default as the cluster tells its containers.

        account: The directory of the service account: `token`, `ca.crt` and `namespace`.

        name: The name of the handler; by default `kubernetes SERVICE`, or the gate.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.

        wait: The longest it waits for the evidence, seconds.

    Raises `HandlerError` for what makes no sense, and in a pod without a service account. Outside a cluster it does
    nothing, and notes that, so that the same program runs anywhere.
    """
    check_wait("wait", wait, 10.0, timeout)
    if not service and not gate:
        raise HandlerError("cannot drain in Kubernetes: give service=, which is waited for, or gate=, or both")
    if gate and not _GATE.fullmatch(gate):
        raise HandlerError(f"cannot drain in Kubernetes: gate={gate!r} must be like 'example.com/serving'")
    name = name or f"kubernetes {service or gate}"
    if not endpoint and not in_cluster():
        return drainer(name, _stay, wait=wait, timeout=timeout)
    own = pod or os.environ.get("POD_NAME", "") or socket.gethostname()
    target = _Pod(Api(endpoint, account, namespace), service, gate, own, wait)
    return drainer(name, target.leave, target.come_back if gate else None, wait=wait, timeout=timeout)


def _stay(ctx: Context) -> None:
    """Note that there is nothing to leave."""
    ctx.note("this is no container of a cluster, KUBERNETES_SERVICE_HOST is not set: there is nothing to leave")


class _Pod:
    """The own pod, as the Service sees it."""

    def __init__(self, api: Api, service: str, gate: str, pod: str, wait: float) -> None:
        self._api = api
        self._gate = gate
        self._pod = pod
        self._service = service
        self._wait = wait
        self._slices = api.slices_of(service) if service else None
        self._own: Request | None = None
        self._status = api.status_of(pod) if gate else None

    def leave(self, ctx: Context) -> None:
        """Let the gate fail, if there is one, and wait until no entry is ready."""
        self._set(ctx, serving=False)
        self._watch(ctx, ready=False)

    def come_back(self, ctx: Context) -> None:
        """Let the gate pass, and wait until an entry is ready."""
        self._set(ctx, serving=True)
        self._watch(ctx, ready=True)

    def _set(self, ctx: Context, *, serving: bool) -> None:
        if self._status is None:
            return
        reason = "Serving" if serving else "Draining"
        condition = {"type": self._gate, "status": str(serving), "reason": reason, "message": f"by {ctx.handler}"}
        self._api.patch(ctx, self._status, {"status": {"conditions": [condition]}})

    def _watch(self, ctx: Context, *, ready: bool) -> None:
        request = self._slices
        if request is None:
            return

        def look() -> str | None:
            entries = self._entries(ctx, request)
            if any(_is_ready(entry) for entry in entries) is not ready:
                return None
            said = "ready" if ready else "not ready" if entries else "not listed"
            return f"the endpoint {self._service}/{self._pod} is {said}"

        still = "not yet ready" if ready else "still ready"
        lacking = f"the endpoint {self._service}/{self._pod} is {still}"
        evidence(ctx, look, lacking, wait=self._wait, every=_LOOK_S, slowest=SLOWEST_S)

    def _entries(self, ctx: Context, request: Request) -> list[Any]:
        """Return the conditions of the own entries; once it is known where they stand, nothing else is asked for."""
        if self._own is not None:
            found = self._api.entries(ctx, self._own, self._pod)
            if found:
                return [entry for _, entry in found]
        found = self._api.entries(ctx, request, self._pod)
        places = {place for place, _ in found}
        self._own = self._api.slices_of(self._service, places.pop()) if len(places) == 1 else None
        return [entry for _, entry in found]


def _is_ready(conditions: Any) -> bool:
    # "A nil value should be interpreted as true", says the API.
    return conditions.get("ready") is not False
