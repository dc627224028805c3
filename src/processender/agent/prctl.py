"""prctl(2), through ctypes: that may be missing, or a sandbox may forbid the call, and the rest works without."""

from __future__ import annotations

import ctypes
import os

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


def adopt_orphans() -> str:
    """Become the parent of every descendant that loses its own; return why not, an empty text if it is so."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))


def adopts_orphans() -> str:
    """Return why this process is not the parent of orphans, an empty text if it is."""
    flag = ctypes.c_int(0)
    return _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(flag)) or ("" if flag.value else "it is no child subreaper")


def die_with_parent(signum: int) -> str:
    """Let the kernel send this process *signum* when its parent ends; return why not, an empty text if it will."""
    return _prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signum))


def _prctl(option: int, argument: object) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    done = libc.prctl(ctypes.c_int(option), argument, zero, zero, zero) == 0
    return "" if done else os.strerror(ctypes.get_errno())
