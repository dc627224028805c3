"""The same program with its callbacks as handlers."""

from __future__ import annotations

import time

from marks import GRACE, mark, release

from processender import Ender

ender = Ender("winddown", grace=GRACE)
ender.add(lambda: time.sleep(3600), name="close", phase="close", timeout=1)
ender.add(release, phase="release", importance="must")
with ender:
    mark("ready")
    ender.stopping.wait()
