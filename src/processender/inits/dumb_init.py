"""
The program as `dumb-init`: a session for the command, signals to all of it, rewritten where that is asked for.

What it does under this name was learned from the manual of dumb-init 1.2 and from watching it.
"""

from __future__ import annotations

import errno
import os

from .. import __version__
from ..agent import kernel
from ..agent.program import restore_environment
from ..agent.terminal import give_terminal, leave_terminal
from ..hints import TYPE_CHECKING, NoReturn
from . import loop
from .options import WRONG, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_VERSION = "dumb-init v1.2.5"
_USAGE = """\
{version}
Usage: {name} [option] command [[arg] ...]

ProcessEnder {own} with the face of dumb-init: runs a command in a session of its own, hands all signals on to it, and
reaps what is orphaned, as PID 1 of a container or anywhere else.

Optional arguments:
   -c, --single-child   Hand signals to the command alone, and make no session for it.
   -r, --rewrite s:r    Send signal r in the place of signal s; 0 sends nothing. Can be repeated.
   -v, --verbose        Tell on standard error what happens.
   -h, --help           Print this help.
   -V, --version        Print the version.

Environment variables:
   DUMB_INIT_SETSID=0   The same as --single-child.
   DUMB_INIT_DEBUG=1    The same as --verbose.
"""
_REWRITE = """\
Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31.
This option can be specified multiple times.
Use --help for full usage.\
"""
_LONG = {"help": "h", "single-child": "c", "rewrite": "r", "verbose": "v", "version": "V"}
_LAST = 31
"""The last of the signals that can be rewritten; real-time ones are handed on as they are."""
_SUSPEND = (kernel.TSTP, kernel.TTOU, kernel.TTIN)


class _DumbInit:
    """One run under this name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._session = True
        self._debug = False
        self._rewrite: dict[int, int] = {}
        self._skipped: set[int] = set()
        self._pid = 0

    def options(self, words: Sequence[str]) -> list[str]:
        """Take flags and environment, and return the command."""
        flags, command = read(words, "hvVcr:", _LONG)
        for flag, value in flags:
            self._option(flag, value)
        if not command:
            usage = f"Usage: {self._name} [option] program [args]\nTry {self._name} --help for full usage."
            self._leave(usage, 1)
        if os.environ.get("DUMB_INIT_DEBUG") == "1":
            self._debug = True
            self._tell("Running in debug mode.")
        if os.environ.get("DUMB_INIT_SETSID") == "0":
            self._session = False
            self._tell("Not running in setsid mode.")
        if self._session:
            # The command's group is an orphaned one, in which the kernel lets none of the three stop anybody.
            self._rewrite = dict.fromkeys(_SUSPEND, kernel.STOP) | self._rewrite
        return command

    def _option(self, flag: str, value: str) -> None:
        if flag == WRONG:
            # A value that is missing is a wrong one.
            self._leave(f"{self._name}: {value}", 1)
        elif flag == "h":
            self._leave(_USAGE.format(version=_VERSION, name=self._name, own=__version__).rstrip(), 0)
        elif flag == "V":
            self._leave(_VERSION, 0)
        elif flag == "r":
            self._rewrite.update(_rule(value) or self._leave(_REWRITE, 1))
        self._debug |= flag == "v"
        self._session &= flag != "c"

    def run(self, command: Sequence[str]) -> NoReturn:
        """Start the command, and leave as it does."""
        if self._session:
            self._leave_terminal()
        restore_environment()
        try:
            self._pid = loop.start(self._prepare, command, lambda error: self._refuse(command, error))
        except OSError:
            self._leave("[dumb-init] Unable to fork. Exiting.", 1)
        self._tell(f"Child spawned with PID {self._pid}.")
        try:
            # The file system from which it was started can be unmounted.
            os.chdir("/")
        except OSError as error:
            self._tell(f'Unable to chdir("/") ({_because(error)}).')
        loop.serve(kernel.ALL, self._act)

    def _leave_terminal(self) -> None:
        try:
            leave_terminal()
        except OSError as error:
            self._tell(f"Unable to detach from controlling tty ({_because(error)}).")
            return
        if os.getsid(0) == os.getpid():
            # Then the kernel sends these two to us, and they must not reach the command.
            self._skipped = {kernel.HUP, kernel.CONT}
            self._tell("Detached from controlling tty, ignoring the first SIGHUP and SIGCONT we receive.")
        else:
            self._tell("Detached from controlling tty, but was not session leader.")

    def _prepare(self) -> int:
        kernel.hand_over((), kernel.ALL)
        if not self._session:
            return 0
        try:
            os.setsid()
        except OSError as error:
            loop.say(f"[dumb-init] Unable to setsid ({_because(error)}). Exiting.")
            return 1
        try:
            give_terminal()
        except OSError as error:
            self._tell(f"Unable to attach to controlling tty ({_because(error)}).")
        self._tell("setsid complete.")
        return 0

    @staticmethod
    def _refuse(command: Sequence[str], error: OSError) -> int:
        loop.say(f"[dumb-init] {command[0]}: {error.strerror}")
        return 2

    def _act(self, number: int) -> int | None:
        self._tell(f"Received signal {number}.")
        if number in self._skipped:
            self._skipped.discard(number)
            self._tell(f"Ignoring tty hand-off signal {number}.")
        elif number == kernel.CHLD:
            return self._reap()
        else:
            self._forward(number)
            if number in _SUSPEND:
                self._tell("Suspending self due to TTY signal.")
                os.kill(os.getpid(), kernel.STOP)
        return None

    def _reap(self) -> int | None:
        for pid, code, signum in loop.dead():
            how = f"was terminated by signal {signum}" if signum else f"exited with exit status {code}"
            self._tell(f"A child with PID {pid} {how}.")
            if pid == self._pid:
                self._forward(kernel.TERM, reaped=True)
                self._tell(f"Child exited with status {code}. Goodbye.")
                return code
        return None

    def _forward(self, number: int, *, reaped: bool = False) -> None:
        target = self._rewrite.get(number, number)
        if target != number:
            self._tell(f"Translating signal {number} to {target}.")
        if not target:
            self._tell(f"Not forwarding signal {target} to children (ignored).")
            return
        try:
            if self._session or not reaped:
                # The number of a single child that was reaped may be that of a stranger.
                os.kill(-self._pid if self._session else self._pid, target)
        except OSError as error:
            if error.errno not in {errno.ESRCH, errno.EPERM}:
                raise
        self._tell(f"Forwarded signal {target} to children.")

    # What it says.

    def _tell(self, text: str) -> None:
        if self._debug:
            loop.say(f"[dumb-init] {text}")

    @staticmethod
    def _leave(text: str, code: int) -> NoReturn:
        loop.say(text)
        os._exit(code)


def main(name: str, words: Sequence[str], _mask: Iterable[int]) -> NoReturn:
    """Be dumb-init, called as *name* with *words*."""
    init = _DumbInit(name)
    init.run(init.options(words))


def _rule(text: str) -> dict[int, int]:
    """Return what *text*, like `15:3`, has rewritten; nothing where it is no rule."""
    old, colon, new = text.partition(":")
    if not (colon and old.isascii() and old.isdigit() and new.isascii() and new.isdigit()):
        return {}
    return {int(old): int(new)} if 1 <= int(old) <= _LAST and int(new) <= _LAST else {}


def _because(error: OSError) -> str:
    return f"errno={error.errno} {error.strerror}"
