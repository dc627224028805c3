"""
A service behind nginx is put down in its include file before it closes anything, and up again when the next one serves.

Run it with the file of the `server` lines, the address of this one in it, and the pid file of nginx:
`python examples/drainers/nginx.py /etc/nginx/web.servers 10.0.0.7:8000 /run/nginx.pid`. TERM ends it.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import nginx

ender = Ender("web", grace=30)
include, server, pid, *test = sys.argv[1:]
ender.add(nginx.drain(include, server, pid=pid, test=test or ["nginx", "-t"], wait=5.0))

with ender:
    # Here the service begins to listen; then whatever an earlier process has left down comes back.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
