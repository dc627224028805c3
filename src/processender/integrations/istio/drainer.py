"""The agent of an Istio sidecar, asked to drain its Envoy, and to end it."""

from __future__ import annotations

from ...core.handler import Handler
from ...errors import Permanent
from ...exchange import Request, exchange, judge
from ...leaving import RETRY, drainer
from ...patience import check_wait, poll, quiet, until_gone
from ...ports import Context

AGENT = "http://127.0.0.1:15020"
"""Where `pilot-agent` listens."""
ENVOY = "http://127.0.0.1:15000"
"""Where the admin face of its Envoy listens."""
STEP_S = 2.0
"""The longest that either may be silent."""
_GAUGE = ".downstream_cx_active"


def drain(
    agent: str = AGENT,
    *,
    envoy: str = ENVOY,
    inbound: int = 15006,
    wait: float = 5.0,
    name: str = "istio",
    timeout: float | None = None,
) -> Handler:
    """
    Return the handler that lets the proxy of this pod drain.

    Args:

        agent: The URL of the agent.

        envoy: The URL of the admin face of its Envoy.

        inbound: The port of the inbound listener.

        wait: The longest wait for the last inbound connection to end, seconds.

        name: The name of the handler.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.
    """
    check_wait("wait", wait, 5.0, timeout)
    ask = _Agent(agent, "drain")
    gauges = Request("GET", f"{envoy.rstrip('/')}/stats?usedonly&filter=downstream_cx_active$")

    def count(ctx: Context) -> int | None:
        answer = judge(gauges, exchange(gauges, ctx, timeout=STEP_S, most=4 << 20))
        return connections(answer.body.decode("utf-8", "replace"), inbound)

    def leave(ctx: Context) -> None:
        ask.post(ctx)
        if count(ctx) is None:
            poll(ctx, lambda: None, wait=wait)
            text = "Istio's Envoy keeps no gauge of its connections (`proxyStatsMatcher`), or never had one"
            ctx.note(f"{text}; {wait:g} s were waited")
            return
        quiet(ctx, lambda: _left(count(ctx)), "Istio's Envoy: no inbound connection is left", wait=wait)

    return drainer(name, leave, wait=wait, timeout=timeout)


def stop_proxy(agent: str = AGENT, *, name: str = "stop-istio", timeout: float | None = 5.0) -> Handler:
    """
    Return the handler of the phase `release` that ends the proxy of this pod at once: `POST /quitquitquit`.

    Args:

        agent: The URL of the agent.

        name: The name of the handler.

        timeout: The longest it may take in all, seconds.
    """
    ask = _Agent(agent, "quitquitquit")

    def stop(ctx: Context) -> None:
        until_gone(ctx, lambda: exchange(ask.ready, ctx, timeout=STEP_S), lambda: ask.post(ctx), "Istio's proxy")

    return Handler(name, stop, phase="release", timeout=timeout, retry=RETRY)


class _Agent:
    """What the agent is asked for."""

    def __init__(self, url: str, deed: str) -> None:
        base = url.rstrip("/")
        self._request = Request("POST", f"{base}/{deed}")
        self.ready = Request("GET", f"{base}/healthz/ready")

    def post(self, ctx: Context) -> None:
        """Have it done; raise `Permanent` where the agent cannot do it, or not for this process."""
        answer = exchange(self._request, ctx, timeout=STEP_S)
        if answer.status == 403:
            raise Permanent(f"{self._request.shown}: Istio's agent listens to its own pod only, by 127.0.0.1")
        if answer.status == 404:
            raise Permanent(f"{self._request.shown}: Istio's agent does not know this; it may be from before `/drain`")
        judge(self._request, answer)


def _left(count: int | None) -> str:
    if count is None:
        return "Istio's Envoy has not told of its inbound connections"
    return f"inbound connections at Istio's Envoy are left: {count}" if count else ""


def connections(text: str, port: int) -> int | None:
    """Return how many connections the listener of *port* has by the text of `/stats`, None if it says nothing."""
    found = None
    for line in text.splitlines():
        name, _, value = line.rpartition(":")
        # Those of workers are parts of the others.
        is_whole = name.startswith("listener.") and ".worker_" not in name
        if is_whole and name.endswith(f"_{port}{_GAUGE}") and value.strip().isdecimal():
            found = (found or 0) + int(value)
    return found
