"""
The two last resorts of a process, which need neither the event loop nor the interpreter's lock.

`faulthandler` writes every stack into a file that was opened beforehand and ends the process from a thread of its own,
written in C. Behind it stands the kernel's alarm, SIGALRM at its default. Both are armed when a notice is heard.
"""

from __future__ import annotations

import faulthandler
import os
import signal

from ..core.window import Window
from ..ports import Clock

_LEAST_S = 0.001


class Watchdog:
    """Ends the process shortly before the hard deadline, whatever its Python code does."""

    def __init__(self, clock: Clock) -> None:
        """Nothing is armed yet."""
        self._clock = clock
        self.file = -1
        self._alarm_is_ours = False
        self.armed = False

    def prepare(self, path: str) -> str:
        """Open the file at *path* for the stacks; return why that cannot be done, else an empty text."""
        if self.file >= 0:
            return ""
        try:
            self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            # Never stderr: to a full pipe the dump would block for ever, and the process with it.
            self.file = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            return f"the stacks of a forced end cannot be written: {error}"
        return ""

    def arm(self, window: Window) -> str:
        """Arm both for *window*; return why the kernel's alarm cannot be armed, else an empty text."""
        now = self._clock.now()
        if self.file >= 0:
            seconds = max(_LEAST_S, window.dump_at - now)
            faulthandler.dump_traceback_later(seconds, exit=True, file=self.file)
        first, self.armed = not self.armed, True
        why_not = _alarm_owner() if first else ""
        if first:
            self._alarm_is_ours = not why_not
        if self._alarm_is_ours:
            signal.setitimer(signal.ITIMER_REAL, max(_LEAST_S, window.kill_at - now))
        return why_not

    def disarm(self) -> None:
        """Disarm both; the application's own use of SIGALRM is left alone."""
        if not self.armed:
            return
        self.armed = False
        faulthandler.cancel_dump_traceback_later()
        if self._alarm_is_ours:
            self._alarm_is_ours = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    def close(self) -> None:
        """Close the file."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


def _alarm_owner() -> str:
    """Return why the kernel's alarm cannot be used, an empty text if it can."""
    if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        return "SIGALRM belongs to the application, so the second last resort is not armed; the first one is"
    if signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0):
        return "the interval timer belongs to the application, so the second last resort is not armed; the first one is"
    return ""
