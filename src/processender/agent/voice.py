"""What the agent tells beside its run: nobody who tells waits for whoever reads, and no line can end a command."""

from __future__ import annotations

import select
import threading

from ..core.events import Event, Trouble
from ..engine.clock import SystemClock
from ..engine.observers import Outlet
from .lines import STDERR, Lines
from .settings import Settings

_LAST_WORDS_S = 0.5


class Voice:
    """Lines that a thread writes, which begins with the first of them. Safe for threads."""

    def __init__(self, lines: Lines) -> None:
        """Take what makes lines of events."""
        self._lines = lines
        # What cannot be written at all is lost: there is no other place for it.
        self._outlet = Outlet(lines, SystemClock(), lambda _outlet, _trouble: None, before_effect=False)
        self._lock = threading.Lock()

    def observe(self, event: Event) -> None:
        """Tell of one event; never blocks."""
        try:
            with self._lock:
                self._outlet.start()
        except RuntimeError:
            # There is no thread left, and that may be just what is to be told.
            self._write(event)
            return
        self._outlet.put((event,))

    def flush(self) -> None:
        """Wait until all is written, but not for long."""
        self._outlet.flush(_LAST_WORDS_S)

    def close(self) -> None:
        """Let the thread end when all is written, and wait for that, but not for long."""
        self._outlet.close()
        self.flush()

    def _write(self, event: Event) -> None:
        poll = select.poll()
        poll.register(STDERR, select.POLLOUT)
        try:
            if poll.poll(0):
                self._lines.observe(event)
        except OSError:
            # It is full, or closed.
            return


def tell(settings: Settings, code: str, text: str) -> None:
    """Tell at once of something that could not be done, where no engine can."""
    voice = Voice(Lines(as_json=settings.json_lines, talkative=False, verbosity=settings.verbosity))
    voice.observe(Trouble(SystemClock().now(), code, text))
    voice.close()
