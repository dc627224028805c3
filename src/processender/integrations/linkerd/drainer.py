"""The proxy of Linkerd: its inbound connections, and its end."""

from __future__ import annotations

import re

from ...core.handler import Handler
from ...errors import Permanent
from ...exchange import Request, exchange, judge
from ...leaving import RETRY, drainer
from ...patience import check_wait, quiet, until_gone
from ...ports import Context

ADMIN = "http://127.0.0.1:4191"
"""Where the proxy's admin face listens."""
STEP_S = 2.0
"""The longest that it may be silent."""
_SAMPLE = re.compile(r'^tcp_open_connections\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\} +(\d+)(?:\.0+)?(?: |$)', re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def drain(admin: str = ADMIN, *, wait: float = 5.0, name: str = "linkerd", timeout: float | None = None) -> Handler:
    """
    Return the handler that waits until no inbound connection is left at the proxy of this pod.

    Args:

        admin: The URL of the proxy's admin face.

        wait: The longest wait, seconds.

        name: The name of the handler.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.
    """
    check_wait("wait", wait, 5.0, timeout)
    metrics = Request("GET", f"{admin.rstrip('/')}/metrics")
    own_port = metrics.server.rpartition(":")[2]

    def count(ctx: Context) -> int | None:
        answer = judge(metrics, exchange(metrics, ctx, timeout=STEP_S, most=16 << 20))
        return inbound(answer.body.decode("utf-8", "replace"), own_port)

    def leave(ctx: Context) -> None:
        if count(ctx) is None:
            ctx.note("Linkerd's proxy keeps no gauge of its connections; it was not waited for them")
            return
        quiet(ctx, lambda: _left(count(ctx)), "Linkerd's proxy: no inbound connection is left", wait=wait)

    return drainer(name, leave, wait=wait, timeout=timeout)


def stop_proxy(admin: str = ADMIN, *, name: str = "stop-linkerd", timeout: float | None = 5.0) -> Handler:
    """
    Return the handler of the phase `release` that ends the proxy of this pod: `POST /shutdown`.

    Args:

        admin: The URL of the proxy's admin face.

        name: The name of the handler.

        timeout: The longest it may take in all, seconds.

    The handler raises `Permanent` where the proxy does not take it, as it does by default.
    """
    base = admin.rstrip("/")
    shutdown, ready = Request("POST", f"{base}/shutdown"), Request("GET", f"{base}/ready")

    def stop(ctx: Context) -> None:
        until_gone(
            ctx, lambda: exchange(ready, ctx, timeout=STEP_S), lambda: _shut_down(shutdown, ctx), "Linkerd's proxy"
        )

    return Handler(name, stop, phase="release", timeout=timeout, retry=RETRY)


def _shut_down(request: Request, ctx: Context) -> None:
    answer = exchange(request, ctx, timeout=STEP_S)
    if answer.status == 404:
        text = "Linkerd's proxy takes no shutdown (its endpoint is not enabled): set the annotation"
        raise Permanent(f"{text} config.linkerd.io/proxy-admin-shutdown: enabled")
    if answer.status == 403:
        raise Permanent("Linkerd's proxy takes a shutdown from its own pod only, by 127.0.0.1")
    judge(request, answer)


def _left(count: int | None) -> str:
    if count is None:
        return "Linkerd's proxy has not told of its inbound connections"
    return f"inbound connections at Linkerd's proxy are left: {count}" if count else ""


def inbound(text: str, own_port: str) -> int | None:
    """Return how many connections come in by the *text* of the metrics, None if there is no such gauge at all."""
    if "tcp_open_connections" not in text:
        return None
    found = 0
    for labels, value in _SAMPLE.findall(text):
        named = dict(_LABEL.findall(labels))
        to_admin = named.get("target_port") == own_port or named.get("target_addr", "").endswith(f":{own_port}")
        if named.get("direction") == "inbound" and named.get("peer") == "src" and not to_admin:
            found += int(value)
    return found
