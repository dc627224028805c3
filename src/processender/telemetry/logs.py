"""Events as lines of text on a plain stream."""

from __future__ import annotations

import os

from ..core.events import Event
from ..core.rendering import INFO, render
from ..hints import Any


class StreamObserver:
    """Writes events as lines to a file descriptor; it has a thread of its own, so a full pipe holds up nothing."""

    def __init__(self, descriptor: int, *, level: int = INFO) -> None:
        """Write what is at least *level* to *descriptor*."""
        self._descriptor = descriptor
        self._level = level

    def observe(self, event: Event) -> None:
        """Write one event."""
        level, _, text = render(event)
        if level >= self._level:
            write_line(self._descriptor, f"processender: {text}")


def write_line(descriptor: int, text: str) -> None:
    """Write *text* and a line end; a descriptor that nobody reads any more is no error."""
    data: Any = (text + "\n").encode("utf-8", "replace")
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except (BrokenPipeError, BlockingIOError):
        return
    except OSError as error:
        if error.errno != 9:  # EBADF: it was closed
            raise
