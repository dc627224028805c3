"""A program that cleans up with an ExitStack whose newest callback hangs."""

from __future__ import annotations

import contextlib
import signal
import sys
import time

from marks import mark, release

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with contextlib.ExitStack() as stack:
    stack.callback(release)
    stack.callback(time.sleep, 3600)
    mark("ready")
    time.sleep(3600)
