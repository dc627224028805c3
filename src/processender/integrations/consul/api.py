"""
What is said to the agent of a node, over Consul's HTTP API v1.

Source: Consul's `agent_endpoint.go`. Maintenance is idempotent, and kept on the agent's disk; ids of services are
unique on a node only. Versions differ in the status for an unknown id: 404 with several texts, older ones 500.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from ...errors import Permanent, Transient
from ...exchange import Answer, HTTPStatusRefused, Request, exchange, judge
from ...hints import Any
from ...ports import Context
from ...secret import reveal_token

SILENT_S = 3.0
"""The longest that the agent may be silent; it is on this host."""
_MOST_BYTES = 8_000_000
_KEPT: tuple[str, ...] = ("ID", "Kind", "Tags", "Meta", "Port", "Address", "SocketPath", "TaggedAddresses", "Weights")
_KEPT += ("EnableTagOverride", "Proxy", "Connect", "Locality", "Namespace", "Partition")


class Agent:
    """The agent, asked about one service."""

    def __init__(
        self, url: str, service: str, token: Mapping[str, str] | None, reason: str, authority: str | None
    ) -> None:
        """Prepare all requests; raise `HandlerError` for what no request can be made of."""
        self.service = service
        self._token = None if token is None else dict(token)
        self._base = url.rstrip("/")
        self._authority = authority
        own = quote(service, safe="")
        self._about = self._request("GET", f"/v1/agent/service/{own}")
        self._on = self._request(
            "PUT", f"/v1/agent/service/maintenance/{own}?{urlencode({'enable': 'true', 'reason': reason})}"
        )
        self._off = self._request("PUT", f"/v1/agent/service/maintenance/{own}?enable=false")
        self._deregister = self._request("PUT", f"/v1/agent/service/deregister/{own}")
        self._register = self._request("PUT", "/v1/agent/service/register")
        self._self = self._request("GET", "/v1/agent/self")
        self._listing: dict[str, Request] = {}

    def about(self, ctx: Context) -> dict[str, Any] | None:
        """Return what the agent says about the service, None if it does not know it."""
        answer = self._ask(self._about, ctx)
        if _is_unknown(answer):
            return None
        found: dict[str, Any] = self._read(self._about, answer, dict)
        if not isinstance(found.get("Service"), str):
            raise _odd(self._about, answer)
        return found

    def maintain(self, ctx: Context, *, on: bool) -> bool:
        """Switch the maintenance on or off; return whether the agent knows the service."""
        request = self._on if on else self._off
        answer = self._ask(request, ctx)
        if _is_unknown(answer):
            return False
        self._judge(request, answer)
        return True

    def deregister(self, ctx: Context) -> None:
        """Deregister the service; also when that was done before."""
        answer = self._ask(self._deregister, ctx)
        if not _is_unknown(answer):
            self._judge(self._deregister, answer)

    def register(self, ctx: Context, registration: Mapping[str, Any]) -> None:
        """Register the service."""
        body = json.dumps(registration).encode()
        self._judge(self._register, self._ask(self._register, ctx, body, {"Content-Type": "application/json"}))

    def node(self, ctx: Context) -> str:
        """Return the name of this node; empty if the token may not know it."""
        try:
            answer = self._ask(self._self, ctx)
            return str(self._read(self._self, answer, dict)["Config"]["NodeName"])
        except (Permanent, Transient, TimeoutError, KeyError, TypeError):
            return ""

    def is_listed(self, ctx: Context, name: str, node: str) -> bool:
        """Tell whether this instance is among those of the service *name* that pass."""
        if name not in self._listing:
            self._listing[name] = self._request("GET", f"/v1/health/service/{quote(name, safe='')}?passing")
        request = self._listing[name]
        answer = self._ask(request, ctx)
        try:
            return any(
                entry["Service"]["ID"] == self.service and (not node or entry["Node"]["Node"] == node)
                for entry in self._read(request, answer, list)
            )
        except (KeyError, TypeError) as error:
            raise _odd(request, answer) from error

    def _request(self, method: str, target: str) -> Request:
        return Request(method, f"{self._base}{target}", authority=self._authority)

    def _ask(
        self, request: Request, ctx: Context, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        fields = dict(headers or {})
        if self._token is not None:
            fields["X-Consul-Token"] = reveal_token(self._token).decode()
        return exchange(request, ctx, body, headers=fields, timeout=SILENT_S, most=_MOST_BYTES)

    def _judge(self, request: Request, answer: Answer) -> Answer:
        try:
            return judge(request, answer)
        except HTTPStatusRefused as error:
            if answer.status not in {401, 403}:
                raise
            has = "no token was given" if self._token is None else f"the token in {_place(self._token)} is not enough"
            raise Permanent(f"Consul refuses: {has}; it needs service:write for {self.service}: {error}") from error

    def _read(self, request: Request, answer: Answer, kind: type) -> Any:
        body = self._judge(request, answer).body
        try:
            found = json.loads(body)
        except ValueError as error:
            raise Transient(f"{request.shown} was answered with what is no JSON: {error}") from error
        if not isinstance(found, kind):
            raise _odd(request, answer)
        return found


def _odd(request: Request, answer: Answer) -> Transient:
    return Transient(f"{request.shown} was answered with something else than asked: {answer.quoted(80)!r}")


def as_registration(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what registers a service again of which the agent has said *about*."""
    return {"Name": about["Service"], **{key: about[key] for key in _KEPT if about.get(key)}}


def _is_unknown(answer: Answer) -> bool:
    return answer.status == 404 or (
        answer.status == 500 and (b"nknown service" in answer.body or b"No service registered" in answer.body)
    )


def _place(token: Mapping[str, str]) -> str:
    ((kind, place),) = token.items()
    return f"the variable {place}" if kind == "env" else place
