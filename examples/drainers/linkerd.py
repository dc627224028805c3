"""
A job in Linkerd's mesh: the last inbound connection is waited for, and the proxy is ended after everything else.

Run it with the URL of the proxy's admin face, which in a pod is the default:
`python examples/drainers/linkerd.py http://127.0.0.1:4191`. The pod needs the annotation
`config.linkerd.io/proxy-admin-shutdown: enabled`. TERM ends it.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import linkerd

ender = Ender("web", grace=30)
admin = sys.argv[1]
ender.add(linkerd.drain(admin, wait=5.0))
ender.add(linkerd.stop_proxy(admin))

with ender:
    # Here the service begins to listen, or the job to work.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
