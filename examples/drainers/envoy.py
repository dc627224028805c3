"""
A service with an Envoy beside it: that leaves traffic with the service, and is ended after everything else.

Run it with the URL of Envoy's admin face: `python examples/drainers/envoy.py http://127.0.0.1:9901`. TERM ends both.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import envoy

ender = Ender("web", grace=30)
admin = sys.argv[1]
ender.add(envoy.drain(admin, propagation=0.5, wait=5.0))
ender.add(envoy.stop_proxy(admin))

with ender:
    # Here the service begins to listen; then a health check that an earlier process has left failing passes again.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
