"""
A service leaves whatever has an HTTP interface: one request to go, one to look, one to come back.

Run it with the URL of a target that knows /down, /up and /stats, where `"connections": 0` means that all is over:
`python examples/drainers/http_interface.py http://127.0.0.1:9000`. TERM ends it.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import http

ender = Ender("web", grace=30)
base = sys.argv[1]
until = {"url": f"{base}/stats", "says": '"connections": 0'}
ender.add(http.drain(f"{base}/down", f"{base}/up", until=until, wait=10.0))

with ender:
    # Here the service begins to listen; then whatever an earlier process has left behind is taken back.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
