"""What can be said of the handlers of signals that are found, and the byte that wakes."""

from __future__ import annotations

import os
import signal

from ...hints import Any


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
