"""Who is examined: this process, or another one with its environment, its directory and its flags."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..agent.flags import parse
from ..checking.words import FLAGS, ours
from ..core.platforms import Platform, find
from ..core.record import Record
from ..errors import ProcessEnderError
from ..hints import Any
from ..platforms import at_terminal, read_signs

_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")


class Subject(Record):
    """Who is examined."""

    platforms: tuple[Platform, ...]
    """The platforms that it is on."""
    environ: Mapping[str, str]
    """Its environment."""
    files: Mapping[str, str]
    """The files by which platforms are known."""
    root: str = ""
    """Where its root directory is seen from here."""
    flags: Mapping[str, Any] = {}
    """The flags of the agent that it is; none if it is none."""


def this_process() -> Subject:
    """Return this process."""
    files = read_signs()
    return Subject(find(os.environ, files, terminal=at_terminal()), os.environ, files)


def become(pid: int) -> Subject:
    """
    Return the process *pid*, whose environment and directory this one takes over.

    Raises `ProcessEnderError` where it cannot be looked at.
    """
    place = f"/proc/{pid}"
    try:
        pairs = (each.partition("=") for each in _words(f"{place}/environ"))
        environ = {name: value for name, equals, value in pairs if equals}
        words = _words(f"{place}/cmdline")
        os.chdir(f"{place}/cwd")
    except FileNotFoundError as error:
        raise ProcessEnderError(
            f"cannot look at the process {pid}: there is none; see `processender status`"
        ) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise ProcessEnderError(f"cannot look at the process {pid}: {why}; do it as its user, or as root") from error
    try:
        terminal = os.readlink(f"{place}/fd/0").startswith(_TERMINALS)
    except OSError:
        terminal = False
    os.environ.clear()
    os.environ.update(environ)
    files = read_signs(pid)
    return Subject(find(environ, files, terminal=terminal), environ, files, f"{place}/root", _flags(words))


def _words(path: str) -> list[str]:
    with open(path, "rb") as file:
        return [os.fsdecode(each) for each in file.read().split(b"\0") if each]


def _flags(words: list[str]) -> dict[str, Any]:
    """Return the flags of an agent that was started by *words*, none of what is no agent."""
    call = ours(words)
    said = None if call is None or call.verb not in FLAGS else parse([*call.said, "--", "command"], FLAGS[call.verb])
    return {} if said is None else {name: value for name, value in vars(said).items() if name != "command"}
