"""An `ExitStack` whose newest callback hangs; the oldest gives the lease back."""

from __future__ import annotations

import contextlib
import signal
import sys

from common import GRACE, LIBRARY, critical, hang, mark

from processender import Ender


def plain() -> None:
    """Unwind on SIGTERM, newest first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.ExitStack() as stack:
        stack.callback(critical)
        stack.callback(hang)
        ready()
        signal.pause()


def library() -> None:
    """Say the same order to an Ender."""
    ender = Ender("torture", grace=GRACE)
    ender.add(critical, phase="close", after=["hang"], importance="must")
    ender.add(hang, phase="close")
    with ender:
        ready()
        ender.stopping.wait()


library() if LIBRARY else plain()
