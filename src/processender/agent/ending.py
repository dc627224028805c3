"""How the agent goes: with the exit code of its command, or of the same signal."""

from __future__ import annotations

import os

from ..hints import NoReturn
from . import kernel


class Ending:
    """How the agent is to go."""

    __slots__ = ("code", "signum")

    def __init__(self, code: int, signum: int = 0) -> None:
        """Take the exit *code*, and the signal of which the command died, 0 if it did not."""
        self.code = code
        self.signum = signum


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
