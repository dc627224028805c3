"""kstlib: four callbacks of 1.5 s one after the other, and a total timeout of one second."""

from __future__ import annotations

import time

from common import GRACE, LIBRARY, critical, mark

from processender import Ender

TAKES_S = 1.5


def work() -> None:
    """Take longer than the total."""
    time.sleep(TAKES_S)


def last() -> None:
    """Take as long, and leave the mark."""
    time.sleep(TAKES_S)
    critical()


def plain() -> None:
    """Register four; the total is one second."""
    from kstlib.resilience.shutdown import GracefulShutdown

    with GracefulShutdown(timeout=1) as shutdown:
        for number in range(3):
            shutdown.register(f"work-{number}", work, priority=number)
        shutdown.register("critical", last, priority=9)
        ready()
        shutdown.wait()


def library() -> None:
    """Register the same chain with an Ender in its stead; the last is the one that matters."""
    ender = Ender("torture", grace=GRACE)
    before = ()
    for number in range(3):
        ender.add(work, name=f"work-{number}", after=before)
        before = (f"work-{number}",)
    ender.add(last, name="critical", after=before, importance="must", expected=TAKES_S)
    with ender:
        ready()
        ender.stopping.wait()


library() if LIBRARY else plain()
