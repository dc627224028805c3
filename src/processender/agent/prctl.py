"""prctl(2), through ctypes: that may be missing, or a sandbox may forbid the call, and the rest works without."""

from __future__ import annotations

import ctypes
import os


def prctl(option: int, value: int) -> str:
    """Ask the kernel for *option*; return why it refuses, an empty text if it does not."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0
    return "" if done else os.strerror(ctypes.get_errno())
