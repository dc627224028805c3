"""How the agent goes: with the exit code of its command, or of the same signal."""

from __future__ import annotations

import os

from ..hints import NoReturn
from . import kernel
from .settings import Settings

UNCLEAN = 70
"""The exit code after a shutdown that was not clean, of a sidecar and with `--strict` (EX_SOFTWARE of sysexits.h)."""


class Ending:
    """How the agent is to go."""

    __slots__ = ("code", "signum")

    def __init__(self, code: int, signum: int = 0) -> None:
        """Take the exit *code*, and the signal of which the command died, 0 if it did not."""
        self.code = code
        self.signum = signum


def ending_of(status: int | None, heard: int, settings: Settings, *, clean: bool) -> Ending:
    """
    Return how to go.

    Args:

        status: How the command ended; None if it was never started, or not even KILL has ended it.

        heard: The signal that began the end, 0 if none did.

        settings: What was decided.

        clean: Whether the shutdown was.
    """
    if status is None:
        return Ending(128 + (heard or kernel.KILL))
    code, signum = (128 - status, -status) if status < 0 else (status, 0)
    if code in settings.expect_exit:
        code, signum = 0, 0
    return Ending(UNCLEAN if settings.strict and not code and not clean else code, signum)


def leave(ending: Ending, *, reraise: bool) -> NoReturn:
    """End this process as *ending* says, without waiting for any thread."""
    if reraise and ending.signum:
        _die_of(ending.signum)
    # PID 1 does not die of its own signals, and no process of some: then the code must say it.
    os._exit(ending.code)


def _die_of(signum: int) -> None:
    import resource  # noqa: PLC0415 - only this way out needs it

    # The core of the command is of use, that of the agent is not.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    kernel.default(signum)
    os.kill(os.getpid(), signum)
