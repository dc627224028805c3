"""
A service leaves whatever has a command: here a balancer that looks for a file.

Run it with the path of the file: `python examples/drainers/command.py /run/web/out-of-service`. TERM ends it.
"""

from __future__ import annotations

import sys

from processender import Ender
from processender.integrations import command

ender = Ender("web", grace=30)
file = sys.argv[1]
ender.add(command.drain(["touch", file], ["rm", "-f", file], until=["test", "-e", file]))

with ender:
    # Here the service begins to listen; then whatever an earlier process has left behind is taken back.
    ender.ready()
    print("ready", flush=True)
    ender.stopping.wait()
