"""
A service with an Envoy in front that reads its endpoints from a file: its own is drained there, and comes back.

Run it with the file, the address of the service as it stands there, and the URL of Envoy's admin face:
`python examples/drainers/envoy_endpoint.py /etc/envoy/web.json 10.0.0.7:8000 http://10.0.0.2:9901`.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import envoy

ender = Ender("web", grace=30)
file, address, admin = sys.argv[1:4]
ender.add(envoy.drain_endpoint(file, address, admin=admin, wait=5.0))

with ender:
    # Here the service begins to listen; then an endpoint that an earlier process has left drained comes back.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
