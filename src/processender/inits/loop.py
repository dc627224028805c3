"""
The loop that all inits share: a child that becomes the command, signals handed on, the dead reaped.

Theory of operation. There is one thread and one command. Every signal is blocked and taken one after the other (see
`kernel`), so that real-time ones keep their number and their order. Whatever becomes a child of an init is its to reap:
nothing else in this process waits for any, so `waitpid(-1)` takes nothing away from anybody.
"""

from __future__ import annotations

import errno
import os

from ..agent import kernel
from ..hints import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

_TRY_NEXT = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ETIMEDOUT}
"""For these the next directory of PATH is tried, as execvp does."""


def say(text: str, stream: int = 2) -> None:
    """Write *text* and the end of the line at once; a stream that cannot take it does not stop an init."""
    try:
        os.write(stream, f"{text}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        return


def start(prepare: Callable[[], int], command: Sequence[str], refuse: Callable[[OSError], int]) -> int:
    """
    Fork, and let the child become *command*; return its number.

    Args:

        prepare: What the child does first; another code than 0 ends it with this.

        command: The words of the command.

        refuse: Says why the command cannot be executed, and returns the exit code that means it.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = prepare() or refuse(_execute(command))
    finally:
        # Whatever went wrong, a second init must not run on.
        os._exit(code)


def _execute(command: Sequence[str]) -> OSError:
    """Become *command*, looked for in PATH where it has no slash; return why that cannot be."""
    name = command[0]
    found = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    where = os.environ.get("PATH", "/bin:/usr/bin").split(":") if "/" not in name else ("",)
    for directory in where if name else ():
        path = name if "/" in name else f"{directory or '.'}/{name}"
        try:
            os.execve(path, tuple(command), os.environ)  # noqa: S606 - that is what is asked for
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                return _execute(("/bin/sh", path, *command[1:]))
            if error.errno not in _TRY_NEXT | {errno.EACCES}:
                return error
            if error.errno == errno.EACCES or "/" in name:
                found = error
    return found


def dead() -> Iterator[tuple[int, int, int]]:
    """Reap all children that have ended: the number of each, its exit code, 128+n for signal n, and n or 0."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        code = os.waitstatus_to_exitcode(status)
        yield (pid, 128 - code, -code) if code < 0 else (pid, code, 0)


def serve(waited: Collection[int], act: Callable[[int], int | None]) -> NoReturn:
    """Hand each signal of *waited* that comes to *act*, until this returns an exit code, and leave with it."""
    while True:
        heard = kernel.take(numbers=waited)
        code = None if heard is None else act(heard.number)
        if code is not None:
            os._exit(code)
