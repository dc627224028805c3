"""
Starts a command by `fork`, and finishes between it and `exec` what `posix_spawn` has no words for.

That is a terminal for its session, and sockets at the numbers that follow 3: who is handed these believes it only when
LISTEN_PID is its own number, which is known after the fork alone. Everything else is started by `posix_spawn`, see
`program`.
"""

from __future__ import annotations

import errno
import fcntl
import os

from ..hints import TYPE_CHECKING, Any, NoReturn
from . import kernel
from .terminal import give_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FIRST_FREE = 3
_WORD = 4
_FAILED = 127


class HandedOn:
    """What a command is handed beside its arguments."""

    __slots__ = ("descriptors", "own", "variables")

    def __init__(
        self, descriptors: Mapping[int, int] | None = None, variables: Mapping[str, str] | None = None,
        own: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Take the *descriptors* by the number that each gets, *variables*, and those that hold its *own* number."""
        self.descriptors = dict(descriptors or {})
        self.variables = dict(variables or {})
        self.own = tuple(own)


def spawn(
    path: str,
    argv: Sequence[str],
    environ: Mapping[str, str],
    mask: Iterable[int],
    *,
    session: bool,
    terminal: bool,
    actions: Sequence[Any],
    handed_on: HandedOn | None,
) -> int:
    """Start the program at *path*, see `program.spawn` for the rest; raise `OSError` if it cannot be executed."""
    given = HandedOn() if handed_on is None else handed_on
    reading, writing = os.pipe2(os.O_CLOEXEC)
    # Above all that will be put at its place, or the one would be written over the other.
    lowest = max(given.descriptors, default=_FIRST_FREE - 1) + 1
    high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, lowest) for each in (writing, *given.descriptors.values())]
    os.close(writing)
    pid = os.fork()
    if not pid:
        _become(path, argv, environ, mask, high, session=session, terminal=terminal, actions=actions, given=given)
    for each in high:
        os.close(each)
    with os.fdopen(reading, "rb") as answer:
        # Closed by the exec; what comes out before is why there was none.
        failure = int.from_bytes(answer.read(_WORD), "big")
    if failure:
        os.waitpid(pid, 0)
        raise OSError(failure, os.strerror(failure))
    return pid


def _become(
    path: str,
    argv: Sequence[str],
    environ: Mapping[str, str],
    mask: Iterable[int],
    high: Sequence[int],
    *,
    session: bool,
    terminal: bool,
    actions: Sequence[Any],
    given: HandedOn,
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
        for target, each in zip(given.descriptors, high[1:], strict=True):
            os.dup2(each, target, inheritable=True)
        own = dict.fromkeys(given.own, str(os.getpid()))
        kernel.hand_over(mask, ())
        os.execve(path, tuple(argv), {**environ, **given.variables, **own})  # noqa: S606 - that is what is asked for
    except OSError as error:
        failure = error.errno or failure
    finally:
        os.write(high[0], failure.to_bytes(_WORD, "big"))
        # Whatever went wrong, a second agent must not run on.
        os._exit(_FAILED)


def _take_terminal() -> None:
    try:
        give_terminal()
    except OSError:
        # It is that of another session; then it is a file like any other.
        return
