"""
Signals that come while the agent is still loading.

As PID 1 of a container a process that has not yet taken SIGTERM loses it for ever: the kernel drops what the first
process does not handle. So this is loaded first, hears, and hands over what it heard once the engine listens.
"""

from __future__ import annotations

import signal
from types import FrameType

STOPPING = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP")
"""The signals that mean the end."""


class EarlyEars:
    """Remembers the signals that came first."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.heard: list[int] = []
        """The numbers, in order."""

    def start(self) -> None:
        """Hear from now on; what was ignored before we came stays ignored."""
        signums = [getattr(signal, name) for name in STOPPING]
        # Whoever started us may have blocked them, and what is blocked at the start stays so over an exec.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [*signums, signal.SIGCHLD, signal.SIGALRM])
        for signum in signums:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, self._hear)

    def _hear(self, signum: int, _frame: FrameType | None) -> None:
        self.heard.append(signum)
