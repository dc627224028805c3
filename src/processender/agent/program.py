"""From the words of a command to a running process, or to the exit code and the message that a shell's user expects."""

from __future__ import annotations

import errno
import os

from ..demand import load
from ..hints import TYPE_CHECKING, Any
from .errors import NOT_EXECUTABLE, NOT_FOUND, CommandNotStarted
from .kernel import PIPE, XFSZ

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python sets LC_CTYPE to where the locale is none (PEP 538)."""
_NOT_HANDED_ON = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


def find_program(name: str, environ: Mapping[str, str]) -> str:
    """
    Return the path of the program *name*; one without a slash is looked for in PATH.

    Raise `CommandNotStarted` when there is none or it cannot be executed.
    """
    if not name:
        raise CommandNotStarted("cannot start '': the name of the command is empty; put it behind the --", NOT_FOUND)
    if "/" in name:
        return name
    path = environ.get("PATH", os.defpath)
    found = ""
    for directory in path.split(os.pathsep):
        candidate = os.path.join(directory or ".", name)
        if os.path.isfile(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            found = found or candidate
    if found:
        raise CommandNotStarted(_cannot(found, "it is not executable", f"chmod +x {found}"), NOT_EXECUTABLE)
    text = _cannot(name, f"it is not in PATH ({path})", "check the spelling or give its path")
    raise CommandNotStarted(text, NOT_FOUND)


def child_environment(environ: Mapping[str, str], grace: str) -> dict[str, str]:
    """Return the environment of the command: it is told its own budget, *grace*, and not the agent's sockets."""
    kept = {name: text for name, text in environ.items() if name not in _NOT_HANDED_ON}
    return kept | {"PROCESSENDER_GRACE": grace}


def restore_environment() -> None:
    """Take out of the environment what Python itself has put there, for its own start in a bare locale."""
    if os.environ.get("LC_CTYPE") not in _COERCED:
        return
    try:
        with open("/proc/self/environ", "rb", buffering=0) as file:
            given = file.readall() or b""
    except OSError:
        return
    if not any(line.startswith(b"LC_CTYPE=") for line in given.split(b"\0")):
        del os.environ["LC_CTYPE"]


# Python ignores these two for itself, and what is ignored stays so over an exec. What was ignored before Python came
# (nohup) stays ignored: whoever started us wants it so.
RESTORED = (PIPE, XFSZ)
"""The signals that a command gets back at their default."""


def spawn(
    argv: Sequence[str],
    environ: Mapping[str, str],
    mask: Iterable[int],
    *,
    session: bool,
    terminal: bool = False,
    actions: Sequence[Any] = (),
    handed_on: Any = None,
) -> int:
    """
    Start *argv* and return its number; it has the standard streams of the agent unless *actions* give it others.

    Args:

        argv: The command.

        environ: Its environment.

        mask: The signals that it begins with blocked.

        session: Whether it leads a session of its own.

        terminal: Whether this session has standard input as its terminal.

        actions: What happens to its descriptors before it begins; see `os.posix_spawn`.

        handed_on: What it is handed beside its arguments, see `forked.HandedOn`; None for nothing.

    Raises `CommandNotStarted` when that cannot be done.
    """
    path = find_program(argv[0], environ)
    try:
        if terminal or handed_on is not None:
            how = {"session": session, "terminal": terminal, "actions": actions, "handed_on": handed_on}
            return int(load("agent.forked").spawn(path, argv, environ, mask, **how))
        return os.posix_spawn(
            path, tuple(argv), environ, file_actions=actions, setsid=session, setsigmask=mask, setsigdef=RESTORED
        )
    except OSError as error:
        raise explain(path, error) from error


def explain(path: str, error: OSError) -> CommandNotStarted:
    """Return why *path*, which was found, cannot be executed, with the exit code that a shell gives for it."""
    if error.errno == errno.ENOENT and os.path.lexists(path):
        text = _cannot(path, "its interpreter is missing", "look at its first line, or at the libc it was built for")
        return CommandNotStarted(text, NOT_EXECUTABLE)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return CommandNotStarted(_cannot(path, "there is no such file", "check the path"), NOT_FOUND)
    if error.errno == errno.ENOEXEC:
        text = _cannot(path, "it is no program", "give it a first line such as #!/bin/sh, or name its interpreter")
        return CommandNotStarted(text, NOT_EXECUTABLE)
    if error.errno == errno.EACCES:
        why = "it is a directory" if os.path.isdir(path) else "it is not executable"
        return CommandNotStarted(_cannot(path, why, f"chmod +x {path}, or name a program"), NOT_EXECUTABLE)
    text = _cannot(path, error.strerror or str(error), "see the limits of the system")
    return CommandNotStarted(text, NOT_EXECUTABLE)


def _cannot(name: str, why: str, step: str) -> str:
    return f"cannot start {name!r}: {why}; {step}"
