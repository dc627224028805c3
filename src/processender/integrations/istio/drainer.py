"""The agent of an Istio sidecar, asked to drain its Envoy, and to end it."""

from __future__ import annotations

from ...core.handler import DRAIN, Handler
from ...core.retry import Retry
from ...errors import Permanent, Transient
from ...exchange import HTTPStatusError, Request, exchange, judge
from ...patience import evidence, poll
from ...ports import Context

AGENT = "http://127.0.0.1:15020"
"""Where `pilot-agent` listens."""
ENVOY = "http://127.0.0.1:15000"
"""Where the admin face of its Envoy listens."""
STEP_S = 2.0
"""The longest that either may be silent."""
_GAUGE = ".downstream_cx_active"
_RETRY = Retry(attempts=3, initial=0.2)


def drain(
    agent: str = AGENT,
    *,
    envoy: str = ENVOY,
    inbound: int = 15006,
    settle: float = 5.0,
    name: str = "istio",
    timeout: float | None = None,
) -> Handler:
    """
    Return the handler that lets the proxy of this pod drain.

    Args:

        agent: The URL of the agent.

        envoy: The URL of the admin face of its Envoy.

        inbound: The port of the inbound listener.

        settle: The longest wait for the last inbound connection to end, seconds.

        name: The name of the handler.

        timeout: The longest it may take in all, seconds.
    """
    ask = _Agent(agent, "drain")
    gauges = Request("GET", f"{envoy.rstrip('/')}/stats?usedonly&filter=downstream_cx_active$")

    def leave(ctx: Context) -> None:
        ask.post(ctx)
        _Connections(gauges, ctx, inbound).wait(settle)

    return Handler(name, leave, phase=DRAIN, timeout=timeout, retry=_RETRY)


def stop_proxy(agent: str = AGENT, *, name: str = "stop-istio", timeout: float | None = 5.0) -> Handler:
    """
    Return the handler of the phase `release` that ends the proxy of this pod at once: `POST /quitquitquit`.

    Args:

        agent: The URL of the agent.

        name: The name of the handler.

        timeout: The longest it may take in all, seconds.
    """
    ask = _Agent(agent, "quitquitquit")

    def gone(ctx: Context) -> str | None:
        try:
            exchange(ask.ready, ctx, timeout=STEP_S)
        except Transient:
            return "Istio's proxy is gone"
        return None

    def stop(ctx: Context) -> None:
        if gone(ctx) is None:
            try:
                ask.post(ctx)
            except Transient as error:
                # It may be gone before it has answered.
                if isinstance(error, HTTPStatusError):
                    raise
        evidence(ctx, lambda: gone(ctx), "Istio's proxy still answers", limit=ctx.remaining(), every=0.05)

    return Handler(name, stop, phase="release", timeout=timeout, retry=_RETRY)


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


class _Connections:
    """The inbound connections, seen again and again."""

    def __init__(self, gauges: Request, ctx: Context, inbound: int) -> None:
        self._gauges = gauges
        self._ctx = ctx
        self._inbound = inbound
        self._left: int | None = None
        self._quiet = 0

    def __str__(self) -> str:
        """Return what was seen last."""
        if self._left is None:
            return "Istio's Envoy has not told of its inbound connections"
        return f"inbound connections at Istio's Envoy are left: {self._left}"

    def wait(self, settle: float) -> None:
        """Wait until no inbound connection is left, and note that, or what is left."""
        if self._look() is None and self._left is None:
            poll(self._ctx, lambda: None, limit=settle)
            text = "Istio's Envoy keeps no gauge of its connections (`proxyStatsMatcher`), or never had one"
            self._ctx.note(f"{text}; {settle:g} s were waited")
            return
        evidence(self._ctx, self._look, self, limit=settle)

    def _look(self) -> str | None:
        answer = exchange(self._gauges, self._ctx, timeout=STEP_S, most=4 << 20)
        text = judge(self._gauges, answer).body.decode("utf-8", "replace")
        self._left = connections(text, self._inbound)
        # One look may fall between two requests.
        self._quiet = self._quiet + 1 if self._left == 0 else 0
        return "Istio's Envoy: no inbound connection is left" if self._quiet > 1 else None


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
