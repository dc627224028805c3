"""
A service leaves its target group at AWS before it closes anything, and is registered when the next one serves.

Run it with the group's ARN, the target's id and its port, and with credentials where boto3 finds them:
`python examples/drainers/aws.py arn:aws:elasticloadbalancing:... i-0f76fade435676abd 8080`. TERM ends it.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import aws

# A balancer may still send for seconds, so the service goes on listening for five.
ender = Ender("web", grace=60, drain_delay=5.0)
group, target, port = sys.argv[1:]
ender.add(aws.drain(group, target, int(port), wait=30.0))

with ender:
    # Here the service begins to listen; then whatever an earlier process has left behind is taken back.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
