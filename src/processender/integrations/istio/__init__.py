"""
Istio: the proxy of this pod drains with the process, asked by way of its agent, and can be ended after everything else.

Takes over: `POST :15020/drain`, after which Envoy's inbound listeners close each connection with its answer, for as
long as the pod lives; it goes on to accept, and what this process asks for goes on to pass. `stop_proxy` is
`POST :15020/quitquitquit` in the last phase, for jobs, whose pod would not end without it.

Leaves: who sends requests. Istio's control plane follows the readiness of the pod, and its deletion, so readiness and
a drain delay keep their part. In a pod whose proxy is a native sidecar the hook that Istio has put there asks for the
same, and once more is harmless; in others the proxy gets TERM together with the application, and this comes too late
to hold it: there `EXIT_ON_ZERO_ACTIVE_CONNECTIONS` does. After a drain the agent exits on TERM at once.

Evidence: of the inbound listener (15006) `downstream_cx_active` is 0 twice in a row. By default Istio's Envoy leaves
this gauge out: annotate the pod with a `proxyStatsMatcher` whose `inclusionSuffixes` has `downstream_cx_active`, or set
`EXIT_ON_ZERO_ACTIVE_CONNECTIONS`. Without it all of `wait` is spent, which is noted.

Way back: there is none to ask for: requests are served as before, and answers go on to close their connections.

Versions: tested with a double of the agent, from its source, over Envoy 1.40. An agent from before native sidecars does
not know `/drain`, which the error says.
"""

from __future__ import annotations

from .drainer import drain, stop_proxy

__all__ = ["drain", "stop_proxy"]
