"""
Consul: leaves and joins the list of those that answer for a service.

Takes over: before the process ends it puts its service into maintenance (or deregisters it) at the agent of its node.
Maintenance adds a critical check, so that the service is left by DNS and by all that ask for passing instances.

Leaves: what the service is registered with, and its health checks, to whoever has registered it; and the caches of
those that ask rarely, for which `drain_delay` is there.

Evidence: `/v1/health/service/NAME?passing` no longer lists this instance of this node.

Way back: maintenance is switched off; a service that was deregistered is registered again as the agent described it.
Maintenance outlasts the process and even Consul's agent, so it is also switched off when a new process serves.

Versions: the HTTP API v1, the same from Consul 1.4 on. The token needs `service:write`, and `node:read` to see its own
node among others.
"""

from __future__ import annotations

from .drainer import drain

__all__ = ["drain"]
