"""The one way to the control thread: a pipe that wakes it, and an inbox for what does not fit into a byte."""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Sequence

from ..core.spans import LONGEST_S
from ..hints import Generic, TypeVar

M = TypeVar("M")


class Mailbox(Generic[M]):
    """Messages from any thread, and bytes from signal handlers. Nothing here blocks but `wait`."""

    def __init__(self) -> None:
        """Open the pipe."""
        self._read, self.wake_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._messages: deque[M] = deque()
        # Reentrant: a signal handler of the application may interrupt a line here and leave a message itself.
        self._lock = threading.RLock()
        self._closed = False
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)

    def put(self, messages: Sequence[M], *, wake: bool = True) -> None:
        """Leave *messages* and wake the thread, unless who leaves them is going to."""
        if self._closed:
            return  # nobody reads it any more, and whoever goes on telling must not fill the memory
        self._messages.extend(messages)
        if wake:
            self.wake()

    def wake(self) -> None:
        """Wake the thread; a full pipe has woken it already."""
        # A handler that was left behind may report long after the end, when the number belongs to another file.
        with self._lock:
            try:
                if not self._closed:
                    os.write(self.wake_fd, b"\0")
            except BlockingIOError:
                return

    def wait(self, seconds: float | None) -> None:
        """Wait until something comes, at most *seconds*."""
        # Half a millisecond more, since the poll rounds down and an alarm must not be met before its time. It takes no
        # more than 24 days, and who is woken early only waits again.
        self._poll.poll(-1 if seconds is None else max(0.0, min(seconds, LONGEST_S) * 1000 + 0.5))

    def bytes(self) -> bytes:
        """Return what signal handlers wrote, without the bytes that only wake."""
        try:
            return os.read(self._read, 65536).replace(b"\0", b"")
        except BlockingIOError:
            return b""

    @property
    def waiting(self) -> bool:
        """Whether there are messages."""
        return bool(self._messages)

    def take(self) -> list[M]:
        """Return the messages that are there now; what comes meanwhile wakes the thread again."""
        return [self._messages.popleft() for _ in range(len(self._messages))]

    def close(self) -> None:
        """Close the pipe."""
        with self._lock:
            self._closed = True
            os.close(self._read)
            os.close(self.wake_fd)

    def close_in_child(self) -> None:
        """Close the pipe in a fork child, where another thread of the parent may have held the lock."""
        self._lock = threading.RLock()
        self.close()
