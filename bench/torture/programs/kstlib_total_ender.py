"""The same four steps as handlers; nothing forbids that they run in parallel."""

from __future__ import annotations

import time

from marks import GRACE, mark, release

from processender import Ender

ender = Ender("kstlib-total", grace=GRACE)
for number in range(3):
    ender.add(lambda: time.sleep(1.5), name=f"close-{number}", phase="close")


@ender.handler(phase="close", importance="must")
def critical():
    """Take 1.5 s, too."""
    time.sleep(1.5)
    release()


with ender:
    mark("ready")
    ender.stopping.wait()
