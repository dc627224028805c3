"""
A pod waits until its own entry in the EndpointSlices is not ready, and turns its readiness gate.

Run it in a pod with `readinessGates: [{conditionType: example.com/serving}]`, whose service account may `list`
endpointslices and `patch` pods/status: `python examples/drainers/kubernetes.py shop example.com/serving`; a third
argument is another directory of the service account. TERM ends it.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import kubernetes

ender = Ender("shop", grace=28)
service, gate, account = (*sys.argv[1:], kubernetes.ACCOUNT)[:3]
ender.add(kubernetes.drain(service, gate=gate, account=account, wait=15.0))

with ender:
    # Here the service begins to listen; then whatever an earlier process has left behind is taken back.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
