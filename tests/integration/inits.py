"""The one-file program under the names of other inits, the originals beside it, and terminals, for the tests."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from processender.testing.processes import Program

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 20.0
OURS = ~(0b11 << 31)
"""All signals but the two of the C library, which its own posix_spawn may ignore in whoever starts the tests."""
WITNESS = r"""
import os, signal, sys
def told(number, frame):
    os.write(1, b'<%d>\n' % number)
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, told)
os.write(1, b'ready %d\n' % os.getpid())
while True:
    signal.pause()
"""
"""A program that tells of every signal that it gets, and ends by KILL alone."""


COUNTER = r"""
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {40, 64})
os.write(1, b'ready %d\n' % os.getpid())
count = 0
while signal.sigwaitinfo({40, 64}).si_signo == 40:
    count += 1
os.write(1, b'counted %d\n' % count)
"""
"""A program that counts the signals 40 that it gets before 64."""


def build(where: Path) -> Path:
    """Build the one-file program in *where*, linked under every name; return the directory for PATH."""
    program = where / "processender-init"
    subprocess.run([sys.executable, ROOT / "tools" / "zipapp", program], check=True)
    for name in ("tini", "docker-init", "dumb-init"):
        (where / name).symlink_to(program)
    # The first line of the program asks for python3, which is to be the one of the tests.
    (where / "python3").symlink_to(sys.executable)
    return where


def run(*argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run *argv* to its end."""
    return subprocess.run(
        argv,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def original(name: str) -> str:
    """Return the path of the other init itself."""
    found = shutil.which(name)
    assert found is not None, f"the tests need {name}: run tools/servers {name}"
    return found


def witness() -> list[str]:
    """Return the command that tells of its signals."""
    return [sys.executable, "-IS", "-c", WITNESS]


def witness_pid(program: Program) -> int:
    """Wait until the witness is ready and return its number."""
    return int(program.wait_for("ready ").partition("ready ")[2].split()[0])


def state(pid: int) -> str:
    """Return the letter of the state of a process; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return ""


def until(states: str, *pids: int) -> bool:
    """Wait until each of *pids* is in one of *states*, where `-` stands for gone or a zombie; tell whether they are."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if all((state(pid).strip("ZX") or "-") in states for pid in pids):
            return True
        time.sleep(0.005)
    return False


class Terminal:
    """A program as the leader of a session with a terminal; a context manager that kills it."""

    def __init__(self, argv: list[str], **environ: str) -> None:
        """Take what to run."""
        self._argv = argv
        self._environ = {**os.environ, **environ}
        self.pid = 0
        self._master = -1
        self.output = ""

    def __enter__(self) -> Self:
        """Start it."""
        self.pid, self._master = pty.fork()
        if not self.pid:
            try:
                os.execvpe(self._argv[0], self._argv, self._environ)
            finally:
                os._exit(127)
        flags = termios.tcgetattr(self._master)
        flags[1] &= ~termios.OPOST
        flags[3] &= ~termios.ECHO
        termios.tcsetattr(self._master, termios.TCSANOW, flags)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill all that has the terminal or descends from the program."""
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = Path("/proc", entry, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                if int(entry) == self.pid or int(fields[3]) == self.pid or int(fields[1]) == self.pid:
                    os.kill(int(entry), signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        os.close(self._master)

    def type(self, text: str) -> None:
        """Type *text*."""
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> str:
        """Read until *text* has come; return all that has."""
        end = time.monotonic() + LIMIT_S
        while text not in self.output:
            assert time.monotonic() < end, f"{text!r} has not come: {self.output!r}"
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.output += os.read(self._master, 4096).decode("utf-8", "replace")
                except OSError:
                    assert text in self.output, f"it has ended without {text!r}: {self.output!r}"
        return self.output

    def signal(self, number: int) -> None:
        """Send the program a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Read to the end and return the exit code."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            if select.select([self._master], [], [], 0.01)[0]:
                with contextlib.suppress(OSError):
                    self.output += os.read(self._master, 4096).decode("utf-8", "replace")
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"it still runs: {self.output!r}")
