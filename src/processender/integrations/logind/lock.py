"""The lock by which logind is held up: a descriptor that counts as long as anybody has it open."""

from __future__ import annotations

import os
import threading


class Lock:
    """The descriptor that holds the machine up; safe for threads."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._lock = threading.Lock()
        self._descriptor = -1

    @property
    def held(self) -> bool:
        """Whether it holds the machine up."""
        return self._descriptor >= 0

    def take(self, descriptor: int) -> None:
        """Hold this *descriptor*, in the place of another one."""
        with self._lock:
            before, self._descriptor = self._descriptor, descriptor
        _close(before)

    def release(self) -> bool:
        """Let the machine go on; return whether it was held up."""
        held = self.held
        self.take(-1)
        return held

    def drop(self) -> None:
        """Close it in a fork child, where nobody else is and the lock may be taken for ever."""
        self._lock = threading.Lock()
        before, self._descriptor = self._descriptor, -1
        _close(before)


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
