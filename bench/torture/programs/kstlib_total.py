"""A kstlib program: one second in all, four callbacks of 1.5 s each, the last one critical."""

from __future__ import annotations

import time

from kstlib.resilience import GracefulShutdown
from marks import mark, release


def critical():
    """Take 1.5 s, too."""
    time.sleep(1.5)
    release()


with GracefulShutdown(timeout=1) as shutdown:
    for number in range(3):
        shutdown.register(f"close-{number}", lambda: time.sleep(1.5))
    shutdown.register("critical", critical)
    mark("ready")
    shutdown.wait()
