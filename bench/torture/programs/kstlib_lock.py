"""kstlib: the signal lands while `register` holds its lock; a name that is slow to compare makes the moment long."""

from __future__ import annotations

import time

from common import GRACE, LIBRARY, critical, mark

from processender import Ender


class SlowName(str):
    """A name whose hash takes its time, for which the registering thread holds the lock."""

    __slots__ = ()

    def __hash__(self):
        """Tell the driver that the moment has come, and stay in it."""
        ready()
        time.sleep(0.3)
        return super().__hash__()


def nothing() -> None:
    """Clean nothing up."""


def plain() -> None:
    """Register while the signal comes."""
    from kstlib.resilience.shutdown import GracefulShutdown

    with GracefulShutdown(timeout=1) as shutdown:
        shutdown.register("critical", critical)
        shutdown.register(SlowName("slow"), nothing)
        shutdown.wait()


def library() -> None:
    """Register with an Ender while the signal comes."""
    ender = Ender("torture", grace=GRACE)
    ender.add(critical, phase="release", importance="must")
    with ender:
        ender.add(nothing, name=SlowName("slow"))
        ender.stopping.wait()


library() if LIBRARY else plain()
