"""Opening a file of ours in a process whose standard descriptors may be closed."""

from __future__ import annotations

import os
import threading


class _Turn:
    """Who opens; one at a time, since each holds the standard descriptors for a moment."""

    lock = threading.Lock()

    @classmethod
    def begin_anew(cls) -> None:
        """Forget, in a fork child, who was at it in the parent."""
        cls.lock = threading.Lock()


os.register_at_fork(after_in_child=_Turn.begin_anew)


def open_beyond(path: str, flags: int, mode: int = 0o600) -> int:
    """
    Open the file at *path* with *flags* and return its descriptor, which is none of the three standard ones.

    Where a program has closed those, whoever still prints would write into the file. So they are taken up meanwhile, by
    what cannot be written to: for others they stay as good as closed.
    """
    with _Turn.lock:
        taken = [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)]
        try:
            while taken[-1] <= 2:
                taken.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
            return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        finally:
            for each in taken:
                os.close(each)
