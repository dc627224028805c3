"""
A service goes into maintenance at Consul before it closes anything; the next one that serves switches it off.

Run it with the id of the service, on a node with an agent: `python examples/drainers/consul.py web-1`; a second
argument is the URL of another agent. TERM ends it.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import consul

ender = Ender("web", grace=30)
service, url = (*sys.argv[1:], "http://127.0.0.1:8500")[:2]
ender.add(consul.drain(service, url=url, wait=10.0))

with ender:
    # Here the service begins to listen; then whatever an earlier process has left behind is taken back.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
