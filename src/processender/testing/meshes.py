"""
Doubles of the proxies of two meshes: the agent of Istio, in front of a real Envoy or of none, and Linkerd's proxy.

Sources: `pilot/cmd/pilot-agent/status/server.go` and `pkg/envoy/{agent,proxy,admin}.go` of Istio; `admin/src/server.rs`
of Linkerd's proxy. Both answer their own pod only, take by POST what changes something, and speak these very bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.request import Request, urlopen

from .served import Asked, Served, Told

_ONLY_LOCAL = b"Only requests from localhost are allowed\n"
_ONLY_POST = b"Method Not Allowed\n"
_GO = (("Content-Type", "text/plain; charset=utf-8"),)
_PLAIN = (("Content-Type", "text/plain"),)


class IstioAgent(Served):
    """
    `pilot-agent`, which asks the Envoy at *envoy*, the URL of its admin face, to drain, and lets *end* end it.

    With `abroad` set it answers as to a process of another pod.
    """

    def __init__(self, envoy: str = "", end: Callable[[], object] = lambda: None, *, knows_drain: bool = True) -> None:
        """Take its Envoy, and whether it is as new as `/drain`."""
        super().__init__()
        self.abroad = False
        """Whether who asks is not of this pod."""
        self.drained = False
        """Whether a drain was asked for; then TERM ends it at once."""
        self.quit = False
        """Whether its end was asked for."""
        self._envoy = envoy
        self._end = end
        self._knows = {"/drain", "/quitquitquit"} if knows_drain else {"/quitquitquit"}

    def answer(self, asked: Asked) -> Told:
        """Answer as the agent does."""
        if asked.path == "/healthz/ready":
            return Told(200)
        if asked.path not in self._knows:
            return Told(404, b"404 page not found\n", _GO)
        if self.abroad:
            return Told(403, _ONLY_LOCAL, _GO)
        if asked.method != "POST":
            return Told(405, _ONLY_POST, _GO)
        if asked.path == "/drain":
            self._drain()
        else:
            self.quit = True
            self._end()
        return Told(200, b"OK")

    def _drain(self) -> None:
        self.drained = True
        if self._envoy:
            url = f"{self._envoy}/drain_listeners?inboundonly&graceful&skip_exit"
            urlopen(Request(url, data=b"", method="POST"), timeout=10).close()  # noqa: S310 - the URL is the caller's


class LinkerdProxy(Served):
    """The admin face of Linkerd's proxy; *can_shut_down* is `LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED`."""

    def __init__(self, *, can_shut_down: bool = False, end: Callable[[], object] = lambda: None) -> None:
        """Serve without a connection."""
        super().__init__()
        self.abroad = False
        """Whether who asks is not of this pod."""
        self.ready = True
        """What `/ready` says."""
        self.inbound: int | None = 0
        """How many inbound connections there are; None keeps no gauge."""
        self.shut_down = False
        """Whether its end was asked for."""
        self._can = can_shut_down
        self._end = end

    def answer(self, asked: Asked) -> Told:
        """Answer as the proxy does."""
        match asked.path:
            case "/live":
                return Told(200, b"live\n", _PLAIN)
            case "/ready":
                return Told(200, b"ready\n", _PLAIN) if self.ready else Told(503, b"not ready\n")
            case "/metrics":
                return Told(200, self._metrics().encode(), _PLAIN)
            case "/shutdown":
                return self._shutdown(asked)
        return Told(404)

    def _shutdown(self, asked: Asked) -> Told:
        if asked.method != "POST":
            return Told(405)
        if self.abroad:
            return Told(403, b"Requests are only permitted from localhost.", _PLAIN)
        if not self._can:
            return Told(404, b"shutdown endpoint is not enabled\n", _PLAIN)
        self.shut_down = True
        self._end()
        return Told(200, b"shutdown\n", _PLAIN)

    def _metrics(self) -> str:
        port = self.url.rpartition(":")[2]
        lines = ['proxy_build_info{version="2.150.0"} 1', 'tcp_open_total{direction="inbound",peer="src"} 7']
        if self.inbound is not None:
            gauge = "tcp_open_connections"
            web = 'target_addr="10.42.0.9:8080",target_ip="10.42.0.9",target_port="8080",tls="true"'
            lines += [
                f"# HELP {gauge} Number of currently-open connections.",
                f"# TYPE {gauge} gauge",
                f'{gauge}{{direction="inbound",peer="src",{web},client_id="a{{}}b"}} {self.inbound}',
                f'{gauge}{{direction="inbound",peer="src",target_addr="10.42.0.9:{port}",tls="no_identity"}} 1',
                f'{gauge}{{direction="inbound",peer="dst",{web}}} 3',
                f'{gauge}{{direction="outbound",peer="src",{web}}} 4',
            ]
        return "\n".join(lines) + "\n"
