"""The terminal of this session: whose it is, and how it passes to the session of another process."""

from __future__ import annotations

import errno
import os


def at_terminal() -> bool:
    """Tell whether standard input is the terminal of this session, and this process in its foreground."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def leave_terminal() -> None:
    """Have no terminal any more; raise `OSError` where there was none."""
    _control("TIOCNOTTY", 0)


def give_terminal() -> None:
    """Make standard input the terminal of this session, which this process leads; raise `OSError` where it is none."""
    _control("TIOCSCTTY", 0)


def _control(name: str, argument: int) -> None:
    if not os.isatty(0):
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
    import fcntl  # noqa: PLC0415 - two libraries for those few that have a terminal
    import termios  # noqa: PLC0415 - see above

    fcntl.ioctl(0, int(getattr(termios, name)), argument)
