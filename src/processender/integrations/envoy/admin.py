"""Envoy's admin face: POST for what changes something, GET for what it tells."""

from __future__ import annotations

import json

from ...errors import Permanent
from ...exchange import Answer, Request, exchange, judge
from ...hints import Any
from ...ports import Context

STEP_S = 2.0
"""The longest that Envoy may be silent."""
_MOST_BYTES = 16 << 20
_ADMIN = "listener.admin."
_GAUGE = ".downstream_cx_active"


class Admin:
    """The admin face at one address."""

    def __init__(self, url: str) -> None:
        """Take its URL without a path; raise `HandlerError` for what is none."""
        base = url.rstrip("/")
        self._fail = Request("POST", f"{base}/healthcheck/fail")
        self._ok = Request("POST", f"{base}/healthcheck/ok")
        self._drain = Request("POST", f"{base}/drain_listeners?graceful&skip_exit")
        self._drain_inbound = Request("POST", f"{base}/drain_listeners?graceful&skip_exit&inboundonly")
        self._quit = Request("POST", f"{base}/quitquitquit")
        self._ready = Request("GET", f"{base}/ready")
        self._gauges = Request("GET", f"{base}/stats?filter=listener%5C..*downstream_cx_active")
        self._clusters = Request("GET", f"{base}/clusters?format=json")

    def fail_health(self, ctx: Context) -> None:
        """Let its health check fail."""
        self._do(self._fail, ctx)

    def pass_health(self, ctx: Context) -> None:
        """Let its health check pass."""
        self._do(self._ok, ctx)

    def drain_listeners(self, ctx: Context, *, inbound_only: bool) -> None:
        """Let answers close their connections."""
        self._do(self._drain_inbound if inbound_only else self._drain, ctx)

    def quit(self, ctx: Context) -> None:
        """End it."""
        self._do(self._quit, ctx)

    def state(self, ctx: Context) -> str:
        """Return its word for its state: `LIVE`, `DRAINING`, `PRE_INITIALIZING`."""
        answer = exchange(self._ready, ctx, timeout=STEP_S)
        return judge(self._ready, answer, (200, 503)).body.decode("ascii", "replace").strip()

    def answers(self, ctx: Context) -> None:
        """Return if it answers, whatever it says; raise `Unreachable` if it is gone."""
        exchange(self._ready, ctx, timeout=STEP_S)

    def connections(self, ctx: Context, listener: str) -> dict[str, int]:
        """Return how many connections each listener has whose name has *listener* in it."""
        return active(self._do(self._gauges, ctx).body.decode("utf-8", "replace"), listener)

    def endpoint(self, ctx: Context, address: str) -> tuple[set[str], int]:
        """Return what all clusters take the endpoint at *address* for, and how many requests are on their way to it."""
        answer = self._do(self._clusters, ctx)
        try:
            return standing(json.loads(answer.body), address)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            said = answer.quoted(200)
            raise Permanent(f"{self._clusters.shown} does not answer as Envoy does: {said!r}") from error

    def _do(self, request: Request, ctx: Context) -> Answer:
        return judge(request, exchange(request, ctx, timeout=STEP_S, most=_MOST_BYTES))


def active(text: str, listener: str) -> dict[str, int]:
    """Return the gauges of listeners in the text of `/stats`; those of workers are parts of the others."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.rpartition(": ")
        name = f"{name.removesuffix(_GAUGE)}." if name.endswith(_GAUGE) else ""
        is_whole = name.startswith("listener.") and not name.startswith(_ADMIN) and ".worker_" not in name
        if is_whole and listener in name and value.isdecimal():
            found[name.removeprefix("listener.").removesuffix(".")] = int(value)
    return found


def standing(clusters: Any, address: str) -> tuple[set[str], int]:
    """Return the states of the endpoint at *address* by `/clusters?format=json`, and its requests; none if unknown."""
    states, requests = set(), 0
    for host in (host for each in clusters["cluster_statuses"] for host in each.get("host_statuses", ())):
        at = host.get("address", {}).get("socket_address", {})
        shown = str(at.get("address"))
        if address == (f"[{shown}]" if ":" in shown else shown) + f":{at.get('port_value')}":
            states.add(str(host.get("health_status", {}).get("eds_health_status", "UNKNOWN")))
            stats = {each.get("name"): each.get("value", 0) for each in host.get("stats", ())}
            requests += int(stats.get("rq_active", 0)) + int(stats.get("rq_pending_active", 0))
    return states, requests
