"""The same program with its callbacks as handlers."""

from __future__ import annotations

import time

from marks import GRACE, mark, release

from processender import Ender

ender = Ender("exitstack", grace=GRACE)
ender.add(release, phase="release", importance="must")


@ender.handler(phase="close", timeout=1)
def close_connection():
    """Hang."""
    time.sleep(3600)


with ender:
    mark("ready")
    ender.stopping.wait()
