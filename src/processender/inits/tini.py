"""
The program as `tini` or `docker-init`: one child in a process group of its own, signals forwarded, zombies reaped.

What it does under this name was learned from the manual of tini 0.19 and from watching it.
"""

from __future__ import annotations

import errno
import os

from .. import __version__
from ..agent import kernel
from ..agent.program import restore_environment
from ..demand import load
from ..hints import TYPE_CHECKING, Any, NoReturn
from . import loop
from .options import WRONG, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_VERSION = f"tini version 0.19.0 - processender {__version__}"
_USAGE = """\
{name} ({version})
Usage: {name} [OPTIONS] PROGRAM -- [ARGS] | --version

Execute a program under the supervision of a valid init process ({name}): ProcessEnder with the face of tini.

Command line options:

  --version: Print the version, when it is the only word.
  -h: Print this help.
  -l: Print the license.
  -s: Become the reaper of all descendants that lose their parent (not needed as PID 1).
  -p SIGNAL: Get SIGNAL when the parent dies, for example "-p SIGKILL".
  -g: Hand signals to the whole process group of the program.
  -e EXIT_CODE: Leave with 0 where the program leaves with EXIT_CODE, 0 to 255; can be repeated.
  -w: Warn of each zombie that is reaped.
  -v: Be more verbose; up to three times.

Environment variables:

  TINI_SUBREAPER: The same as -s, whatever its value.
  TINI_KILL_PROCESS_GROUP: The same as -g, whatever its value.
  TINI_VERBOSITY: How verbose to be, from 0; it weighs more than -v (default: 1).
"""
_NOT_A_REAPER = """\
This process is not PID 1 and no child subreaper.
Zombie processes are not its children then, so zombie reaping won't work.
Use the -s option, set the environment variable TINI_SUBREAPER, or run it as PID 1.\
"""
_LICENSE = "ProcessEnder is under the Apache License, version 2.0: https://www.apache.org/licenses/LICENSE-2.0"
_LEFT_ALONE = {kernel.number_of(name) for name in ("FPE", "ILL", "SEGV", "BUS", "ABRT", "TRAP", "SYS", "TTIN", "TTOU")}
"""What is not forwarded: faults of this very process, and the two that are ignored."""
_FATAL, _WARN, _INFO, _DEBUG, _TRACE = range(5)
_LABELS = ("FATAL", "WARN ", "INFO ", "DEBUG", "TRACE")


class _Tini:
    """One run under this name."""

    def __init__(self, name: str, mask: Iterable[int]) -> None:
        self._name = name
        self._mask = mask
        self._verbosity = 1
        self._subreaper = self._group = self._warns = False
        self._death_signal = 0
        self._remapped: set[int] = set()
        self._pid = 0

    def options(self, words: Sequence[str]) -> list[str]:
        """Take flags and environment, and return the command."""
        if list(words) == ["--version"]:
            self._leave(_VERSION)
        flags, command = read(words, "p:hvwgle:s", mixed="POSIXLY_CORRECT" not in os.environ)
        for flag, value in flags:
            self._option(flag, value)
        if not command:
            self._leave(self._usage(), stream=2, code=1)
        self._subreaper |= "TINI_SUBREAPER" in os.environ
        self._group |= "TINI_KILL_PROCESS_GROUP" in os.environ
        if "TINI_VERBOSITY" in os.environ:
            self._verbosity = _leading_number(os.environ["TINI_VERBOSITY"])
        return command

    def _option(self, flag: str, value: str) -> None:
        if flag == WRONG:
            self._leave(f"{self._name}: {value}\n{self._usage()}", stream=2, code=1)
        elif flag in "hl":
            self._leave(self._usage() if flag == "h" else _LICENSE)
        elif flag == "p":
            self._death_signal = _named(value) or self._fail(f"Not a valid option for -p: {value}")
        elif flag == "e":
            if not (value.isascii() and value.isdigit() and int(value) <= 255):
                self._fail(f"Not a valid option for -e: {value}")
            self._remapped.add(int(value))
        self._verbosity += flag == "v"
        self._warns |= flag == "w"
        self._group |= flag == "g"
        self._subreaper |= flag == "s"

    def run(self, command: Sequence[str]) -> NoReturn:
        """Start the command, and leave as it does."""
        ignored = kernel.ignore((kernel.TTIN, kernel.TTOU))
        kernel.unblock(_LEFT_ALONE)
        waited = tuple(number for number in kernel.ALL if number not in _LEFT_ALONE)
        if self._death_signal and (why := _prctl().die_with_parent(self._death_signal)):
            self._fail(f"Failed to set up parent death signal: {why}")
        if self._subreaper and (why := _prctl().adopt_orphans()):
            self._fail(f"Failed to register as child subreaper: {why}")
        if os.getpid() != 1 and not self._subreaper and self._verbosity >= _WARN and _prctl().adopts_orphans():
            self._say(_WARN, _NOT_A_REAPER)
        restore_environment()
        try:
            self._pid = loop.start(lambda: self._prepare(ignored), command, lambda error: self._refuse(command, error))
        except OSError as error:
            self._fail(f"fork failed: {error.strerror}")
        self._say(_INFO, f"Spawned child process '{command[0]}' with pid '{self._pid}'")
        loop.serve(waited, self._act)

    def _prepare(self, ignored: Iterable[int]) -> int:
        """Put the child into a process group of its own, in the foreground where there is a terminal."""
        try:
            os.setpgid(0, 0)
            # In the child: an init that started this one may do the same to it, and the last must be the command.
            os.tcsetpgrp(0, os.getpgrp())
        except OSError as error:
            if error.errno not in {errno.ENOTTY, errno.ENXIO, errno.EBADF}:
                self._say(_FATAL, f"tcsetpgrp failed: {error.strerror}")
                return 1
            self._say(_DEBUG, "tcsetpgrp failed: no tty (ok to proceed)")
        kernel.hand_over(self._mask, (number for number in (kernel.TTIN, kernel.TTOU) if number not in ignored))
        return 0

    def _refuse(self, command: Sequence[str], error: OSError) -> int:
        self._say(_FATAL, f"exec {command[0]} failed: {error.strerror}")
        return {errno.ENOENT: 127, errno.EACCES: 126}.get(error.errno or 0, 1)

    def _act(self, number: int) -> int | None:
        if number == kernel.CHLD:
            self._say(_DEBUG, "Received SIGCHLD")
            return self._reap()
        self._say(_DEBUG, f"Passing signal: '{kernel.name_of(number)}'")
        try:
            os.kill(-self._pid if self._group else self._pid, number)
        except ProcessLookupError:
            self._say(_WARN, "Child was dead when forwarding signal")
        except OSError as error:
            self._fail(f"Unexpected error when forwarding signal: '{error.strerror}'")
        return None

    def _reap(self) -> int | None:
        left = None
        for pid, code, signum in loop.dead():
            if self._verbosity >= _DEBUG:
                self._say(_DEBUG, f"Reaped child with pid: '{pid}'")
            if pid == self._pid:
                name = kernel.name_of(signum) if signum else ""
                how = f"with signal (with signal '{name}')" if signum else f"normally (with status '{code}')"
                self._say(_INFO, f"Main child exited {how}")
                left = 0 if code in self._remapped else code
            elif self._warns:
                self._say(_WARN, f"Reaped zombie process with pid={pid}")
        if left is not None:
            self._say(_TRACE, "Exiting: child has exited")
        return left

    # What it says.

    def _say(self, level: int, text: str) -> None:
        if self._verbosity >= level:
            loop.say(f"[{_LABELS[level]} tini ({os.getpid()})] {text}", 2 if level <= _WARN else 1)

    def _fail(self, text: str) -> NoReturn:
        self._say(_FATAL, text)
        os._exit(1)

    def _usage(self) -> str:
        return _USAGE.format(name=self._name, version=_VERSION)

    def _leave(self, text: str, *, stream: int = 1, code: int = 0) -> NoReturn:
        loop.say(text, stream)
        os._exit(code)


def main(name: str, words: Sequence[str], mask: Iterable[int]) -> NoReturn:
    """Be tini, called as *name* with *words*; *mask* was blocked before every signal was."""
    init = _Tini(name, mask)
    init.run(init.options(words))


def _named(text: str) -> int:
    try:
        return kernel.number_of(text) if text.startswith("SIG") and "RT" not in text else 0
    except ValueError:
        return 0


def _leading_number(text: str) -> int:
    """Return what the C library's atoi makes of *text*: the number with which it begins, else 0."""
    text = text.strip()
    end = 1 if text[:1] in {"+", "-"} else 0
    while text[end : end + 1].isdecimal():
        end += 1
    try:
        return int(text[:end])
    except ValueError:
        return 0


def _prctl() -> Any:
    """Return the room that needs ctypes, which few runs do."""
    return load("agent.prctl")
