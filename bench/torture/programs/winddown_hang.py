"""winddown: the first of two callbacks hangs."""

from __future__ import annotations

from common import GRACE, LIBRARY, critical, hang, mark

from processender import Ender


def plain() -> None:
    """Register both; the timeout is one second."""
    from winddown import Shutdown

    with Shutdown(timeout=1) as shutdown:
        shutdown.register(hang)
        shutdown.register(critical)
        ready()
        shutdown.wait()


def library() -> None:
    """Register both with an Ender in its stead, in the same order."""
    ender = Ender("torture", grace=GRACE)
    ender.add(hang)
    ender.add(critical, after=["hang"], importance="must")
    with ender:
        ready()
        ender.stopping.wait()


library() if LIBRARY else plain()
