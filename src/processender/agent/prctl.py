"""The calls of prctl(2), through ctypes; it may be missing, or a sandbox may forbid the call, and the rest works without."""

from __future__ import annotations

import ctypes
import os


def prctl(option: int, value: int) -> str:
    """Call prctl(2); return why it failed, an empty text if it did not."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0
    return "" if done else os.strerror(ctypes.get_errno())
