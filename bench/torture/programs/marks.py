"""What the driver sees of a program: files in the directory of its run. And the window that it was given."""

from __future__ import annotations

import os
from pathlib import Path

GRACE = float(os.environ["TORTURE_GRACE"])
"""Seconds from the first signal to the end of the process."""
PORT = int(os.environ["TORTURE_PORT"])
"""A free port of the loopback interface, for servers."""


def mark(name: str, text: str = "") -> None:
    """Leave the file *name* for the driver."""
    Path(os.environ["TORTURE_DIR"], name).write_text(text or str(os.getpid()), encoding="ascii")


def release() -> None:
    """Give back the lease: the clean-up that must happen."""
    mark("released")
