"""The signals by their names, what can be said of the handlers that are found there, and the byte that wakes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

from ...hints import Any


def numbers(names: Iterable[str]) -> list[int]:
    """Return the numbers of the signals with these *names*; raise `ValueError` for one that does not exist."""
    found = []
    for name in names:
        number = getattr(signal, name, None)
        if not name.startswith("SIG") or not isinstance(number, signal.Signals):
            raise ValueError(f"there is no signal named {name!r}; write it like 'SIGTERM'")
        if name in {"SIGKILL", "SIGSTOP"}:
            raise ValueError(f"cannot hear {name}: no process can; leave it out of `signals`")
        found.append(int(number))
    return found


def may_be_called(handler: Any) -> bool:
    """Tell whether *handler* is a function, and neither what raises KeyboardInterrupt nor asyncio's stand-in for it."""
    function = getattr(handler, "func", handler)
    raises = function is signal.default_int_handler or getattr(function, "__qualname__", "") == "Runner._on_sigint"
    return callable(handler) and not raises and not isinstance(handler, signal.Handlers)


def describe_handler(handler: object) -> str:
    """Return whose *handler* it is, for a person."""
    if isinstance(handler, signal.Handlers):
        return handler.name
    module = getattr(handler, "__module__", "")
    return f"{module}.{getattr(handler, '__qualname__', repr(handler))}".lstrip(".")


def write_byte(wake_fd: int, byte: int) -> None:
    """Wake whoever reads the other end of *wake_fd* by *byte*; a signal handler may call it."""
    try:
        os.write(wake_fd, bytes((byte,)))
    except OSError:
        # With a full pipe the control thread is awake and meets the flag; a closed one has nobody left to tell.
        pass
