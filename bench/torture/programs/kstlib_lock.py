"""A kstlib program that is registering when the signal lands."""

from __future__ import annotations

import time

from kstlib.resilience import GracefulShutdown
from marks import mark, release


class Slow(str):
    """A name that takes its time, so that the signal lands while the registry is being changed."""

    __slots__ = ()

    def __hash__(self):
        time.sleep(0.05)
        return str.__hash__(self)


with GracefulShutdown(timeout=1) as shutdown:
    shutdown.register("release", release)
    mark("ready")
    while not shutdown.is_shutting_down:
        shutdown.register(Slow("other"), lambda: None)
        shutdown.unregister("other")
