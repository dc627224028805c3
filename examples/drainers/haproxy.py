"""
A service behind HAProxy leaves the rotation before it closes anything, and is back in it when the next one serves.

Run it with the stats socket and the server's name: `python examples/drainers/haproxy.py /run/haproxy.sock web/one`.
HAProxy needs `stats socket /run/haproxy.sock mode 660 level admin`. TERM ends it.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import haproxy

ender = Ender("web", grace=30)
socket, server = sys.argv[1:]
ender.add(haproxy.drain(socket, server, wait=5.0))

with ender:
    # Here the service begins to listen; then whatever an earlier process has left drained comes back.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
