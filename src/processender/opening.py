"""Opening a file of ours in a process whose standard descriptors may be closed."""

from __future__ import annotations

import fcntl
import os


def open_beyond(path: str, flags: int, mode: int = 0o600) -> int:
    """
    Open the file at *path* with *flags* and return its descriptor, which is none of the three standard ones.

    Where a program has closed those, whoever still prints would write into the file.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    if descriptor > 2:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(descriptor)
