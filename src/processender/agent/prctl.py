"""prctl(2), through ctypes: that may be missing, or a sandbox may forbid the call, and the rest works without."""

from __future__ import annotations

import os

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


def adopt_orphans() -> str:
    """Become the parent of every descendant that loses its own; return why not, an empty text if it is so."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)[0]


def adopts_orphans() -> str:
    """Return why this process is not the parent of orphans, an empty text if it is."""
    why, adopts = _prctl(_PR_GET_CHILD_SUBREAPER)
    return why or ("" if adopts else "it is no child subreaper")


def die_with_parent(signum: int) -> str:
    """Let the kernel send this process *signum* when its parent ends; return why not, an empty text if it will."""
    return _prctl(_PR_SET_PDEATHSIG, signum)[0]


def _prctl(option: int, value: int | None = None) -> tuple[str, int]:
    """Return why the call cannot be done, an empty text if it was, and what it has written where no *value* is set."""
    try:
        import ctypes  # noqa: PLC0415 - that it is missing is an answer

        libc = ctypes.CDLL(None, use_errno=True)
        written, zero = ctypes.c_int(0), ctypes.c_ulong(0)
        argument = ctypes.byref(written) if value is None else ctypes.c_ulong(value)
        done = libc.prctl(ctypes.c_int(option), argument, zero, zero, zero) == 0
    except (ImportError, OSError, AttributeError) as error:
        return str(error), 0
    return "" if done else os.strerror(ctypes.get_errno()), written.value
