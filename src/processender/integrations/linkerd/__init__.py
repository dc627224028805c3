"""
Linkerd: the inbound connections of this pod's proxy are waited for, and the proxy is ended after everything else.

Takes over: the wait (`drain`), and in the last phase `POST :4191/shutdown` (`stop_proxy`), for jobs, whose pod would
not end without it. The proxy takes that only with `LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED=true` (the annotation
`config.linkerd.io/proxy-admin-shutdown: enabled`), and by default answers 404.

Leaves: who sends requests. The proxy has no way to leave traffic but to end, which would also cut off what this process
still asks for; Linkerd's destination service follows the readiness and the deletion of the pod, so readiness and a
drain delay keep their part. Where the proxy is a native sidecar it outlives the application anyway; where it is not,
it gets TERM together with it, and drains for at most `LINKERD2_PROXY_SHUTDOWN_GRACE_PERIOD` (120 s).

Evidence: `tcp_open_connections` of inbound peers in `/metrics` is 0 twice in a row, those of the admin port itself not
counted. A proxy that keeps no such gauge is not waited for, which is noted. After `stop_proxy`, `/ready` answers no
more.

Way back: nothing was left, so there is nothing to come back to.

Versions: tested with a double of the proxy, from its source; older ones have the shutdown endpoint on by default.
"""

from __future__ import annotations

from .drainer import drain, stop_proxy

__all__ = ["drain", "stop_proxy"]
