"""
prctl(2), through ctypes: that may be missing, or a sandbox may forbid the call, and the rest works without.

`_ctypes` is the half of it that is written in C; the other half costs every start 1 ms, and does no more than this.
"""

from __future__ import annotations

import os

from ..hints import Any

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
        import _ctypes  # noqa: PLC0415 - that it is missing is an answer

        call, number = _function(_ctypes, "prctl")
        written = number(0)
        done = call(option, _ctypes.addressof(written) if value is None else value, 0, 0, 0) == 0
    except (ImportError, OSError, AttributeError) as error:
        return str(error), 0
    return "" if done else os.strerror(_ctypes.get_errno()), written.value


def _function(half: Any, name: str) -> tuple[Any, Any]:
    """Return the function of the C library that takes an int and four unsigned longs, and the type int."""
    integer = type("Integer", (half._SimpleCData,), {"_type_": "i"})  # noqa: SLF001 - what `ctypes` itself builds on
    unsigned = type("Unsigned", (half._SimpleCData,), {"_type_": "L"})  # noqa: SLF001 - see above
    flags = half.FUNCFLAG_CDECL | half.FUNCFLAG_USE_ERRNO
    made = type("Function", (half.CFuncPtr,), {"_flags_": flags, "_restype_": integer})
    found = made(half.dlsym(half.dlopen(None, 0), name))
    found.argtypes = (integer, *[unsigned] * 4)
    return found, integer
