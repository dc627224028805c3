"""
Envoy: beside this process its health check fails and its listeners drain; in front, one endpoint in a file is drained.

Takes over, of a sidecar (`drain`): `POST /healthcheck/fail`, so that whoever asks Envoy for its health goes elsewhere;
after `propagation` seconds `POST /drain_listeners?graceful&skip_exit`, after which each answer closes its connection.
Envoy goes on to accept, so nobody is turned away, and goes on to carry what this process itself asks for; `stop_proxy`
ends it in the last phase, for jobs and pods that wait for it. Of an Envoy in front that reads its endpoints from a file
(`drain_endpoint`; for the agent `envoy-endpoint`): `health_status: DRAINING` at the address of this instance, moved
into its place under a lock.

Leaves: an Envoy in front that asks this instance for its health needs no drainer: readiness does it, and a drain delay
of its `interval` and a second more. One 503 is enough for it, but it tells its workers of it at most once a second (the
cluster's `update_merge_window`). Whatever the way, Envoy asks all endpoints again, also drained ones, while fewer than
half of them are healthy, unless its cluster sets `healthy_panic_threshold` to 0. SIGTERM ends Envoy at once, with all
that is under way, so whoever ends it must do it last.

Evidence: of a sidecar `listener.*.downstream_cx_active` is 0 twice in a row, its admin listener not counted; with
`listener` only those whose name has that in it. `server.total_connections` is late by seconds and no evidence. Of an
Envoy in front, if `admin` says where it is: it has read `DRAINING`, and for a bit more than that second has had no
request under way to this endpoint; without `admin`, all of `wait` is spent, which must be longer than that. One that
does not know the endpoint is no evidence of anything, which is noted.

Way back: `POST /healthcheck/ok`, also when a new process serves, since Envoy remembers; but nothing takes the draining
of listeners back: answers go on to close their connections until Envoy starts anew. `listeners=False` leaves them out.
In a file what stood there before is written again, which a field of the endpoint's metadata has kept.

Versions: Envoy 1.40 is tested; the file must be JSON.
"""

from __future__ import annotations

from .drainer import drain, stop_proxy
from .endpoints import drain_endpoint

__all__ = ["drain", "drain_endpoint", "stop_proxy"]
