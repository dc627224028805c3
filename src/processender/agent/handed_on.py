"""
Starts a command that must find its own number in its environment, and sockets at the numbers that follow 3.

Who is handed sockets believes it only when LISTEN_PID is its own number, which is known after the fork alone; so here
the environment is finished between `fork` and `exec`. Everything else is started by `posix_spawn`, see `program`.
"""

from __future__ import annotations

import errno
import fcntl
import os

from ..hints import TYPE_CHECKING, Any, NoReturn
from ..integrations.systemd.handed import FIRST
from . import kernel
from .program import explain, find_program
from .terminal import give_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WORD = 4
_FAILED = 127


class HandedOn:
    """What a command is handed beside its arguments."""

    __slots__ = ("descriptors", "own", "variables")

    def __init__(self, descriptors: Sequence[int], variables: Mapping[str, str], own: Sequence[str]) -> None:
        """Take the *descriptors* that it finds from 3 on, *variables*, and those that hold its *own* number."""
        self.descriptors = tuple(descriptors)
        self.variables = dict(variables)
        self.own = tuple(own)

    def spawn(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        mask: Iterable[int],
        *,
        session: bool,
        terminal: bool = False,
        actions: Sequence[Any] = (),
    ) -> int:
        """Start *argv*, as `program.spawn` does, and return its number; raise `CommandNotStarted`."""
        path = find_program(argv[0], environ)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        # Above all that will be put at its place, or the one would be written over the other.
        lowest = FIRST + len(self.descriptors)
        high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, lowest) for each in (writing, *self.descriptors)]
        os.close(writing)
        pid = os.fork()
        if not pid:
            self._become(path, argv, environ, mask, high, session=session, terminal=terminal, actions=actions)
        for each in high:
            os.close(each)
        with os.fdopen(reading, "rb") as answer:
            failure = answer.read(_WORD)
        if failure:
            os.waitpid(pid, 0)
            number = int.from_bytes(failure, "big")
            raise explain(path, OSError(number, os.strerror(number)))
        return pid

    def _become(
        self,
        path: str,
        argv: Sequence[str],
        environ: Mapping[str, str],
        mask: Iterable[int],
        high: Sequence[int],
        *,
        session: bool,
        terminal: bool,
        actions: Sequence[Any],
    ) -> NoReturn:
        """Become the command, or say why not and end."""
        failure = errno.EAGAIN
        try:
            if session or terminal:
                os.setsid()
            if terminal:
                _take_terminal()
            # First, because what they take may stand where the sockets go.
            for _, descriptor, target in actions:
                os.dup2(descriptor, target)
            for number, each in enumerate(high[1:]):
                os.dup2(each, FIRST + number, inheritable=True)
            own = dict.fromkeys(self.own, str(os.getpid()))
            kernel.hand_over(mask, ())
            os.execve(path, tuple(argv), {**environ, **self.variables, **own})  # noqa: S606 - that is what is asked for
        except OSError as error:
            failure = error.errno or failure
        finally:
            os.write(high[0], failure.to_bytes(_WORD, "big"))
            os._exit(_FAILED)


def _take_terminal() -> None:
    try:
        give_terminal()
    except OSError:
        # It is that of another session; then it is a file like any other.
        return
