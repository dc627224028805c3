"""
A job in Istio's mesh: its proxy drains with it, and is ended after everything else, or the pod would not end.

Run it with the URLs of the agent and of Envoy's admin face, which in a pod are the defaults:
`python examples/drainers/istio.py http://127.0.0.1:15020 http://127.0.0.1:15000`. TERM ends it.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import istio

ender = Ender("web", grace=30)
agent, envoy, *inbound = sys.argv[1:]
ender.add(istio.drain(agent, envoy=envoy, inbound=int(*inbound or ["15006"]), wait=1.0))
ender.add(istio.stop_proxy(agent))

with ender:
    # Here the service begins to listen, or the job to work.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
