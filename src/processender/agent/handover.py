"""A command that gets the terminal with its session, which only a fork can do: posix_spawn knows no terminals."""

from __future__ import annotations

import os

from ..hints import TYPE_CHECKING, Any
from . import kernel
from .terminal import give_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def spawn_at_terminal(
    path: str, argv: Sequence[str], environ: Mapping[str, str], mask: Iterable[int], actions: Sequence[Any] = ()
) -> int:
    """Start *path* as the leader of a session that has standard input as its terminal; raise `OSError` if it cannot."""
    # Closed by the exec; what comes out before is why there was none.
    out, into = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if not pid:
        _become(path, argv, environ, mask, into, actions)
    os.close(into)
    try:
        failed = os.read(out, 16)
    finally:
        os.close(out)
    if failed:
        os.waitpid(pid, 0)
        raise OSError(int(failed), os.strerror(int(failed)))
    return pid


def _become(
    path: str,
    argv: Sequence[str],
    environ: Mapping[str, str],
    mask: Iterable[int],
    into: int,
    actions: Sequence[Any],
) -> None:
    try:
        os.setsid()
        try:
            give_terminal()
        except OSError:
            # It is that of another session; then it is a file like any other.
            pass
        for _, descriptor, target in actions:
            os.dup2(descriptor, target)
        kernel.hand_over(mask, ())
        os.execve(path, tuple(argv), environ)  # noqa: S606 - that is what is asked for
    except OSError as error:
        os.write(into, str(error.errno).encode())
    finally:
        # Whatever went wrong, a second agent must not run on.
        os._exit(127)
