"""A winddown program whose first callback hangs."""

from __future__ import annotations

import time

from marks import mark, release
from winddown import Shutdown

shutdown = Shutdown(timeout=1)
shutdown.register(lambda: time.sleep(3600))
shutdown.register(release)
with shutdown:
    mark("ready")
    shutdown.wait()
