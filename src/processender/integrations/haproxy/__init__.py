"""
HAProxy: a server of a backend is drained and put back through the runtime API, or by the answers to its agent check.

Takes over: `set server BACKEND/SERVER state drain` at the beginning of the end, on the stats socket, a path or an
address; and, with `AgentCheck`, the answers that HAProxy asks this process for (`drain` while it drains, `up ready`
while it serves), for which HAProxy needs to be reachable from nowhere.

Leaves: the configuration of HAProxy. The socket needs `level admin` and a mode that lets this user in. A drained server
still gets what a cookie or a stick table sends to it; `mode="maint"` refuses that too. One HAProxy knows nothing of
another: add one handler for each.

Evidence: the server is out of the rotation, and its sessions and the requests in its queue are gone (`show stat`:
`status`, `scur`, `qcur`), for at most `wait` seconds; what is left then is noted, and cut if `cut` says so. If
HAProxy is reloaded meanwhile, and has forgotten what it was told, it is told again. The evidence of the agent check is
that every HAProxy that was told `up ready` has asked again and been told `drain`.

Way back: `state ready`, also when a new process serves, since HAProxy remembers; but not over the maintenance of
somebody else. A server that the agent check has drained comes back by `up ready`; a mere `up` would leave it drained.

Versions: HAProxy 2.6 is tested; the commands are the same since 1.8, and the columns are found by their names.
"""

from __future__ import annotations

from .agent_check import AgentCheck
from .drainer import drain

__all__ = ["AgentCheck", "drain"]
