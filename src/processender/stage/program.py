"""A real program, run to be looked at: what it prints, signals for it, its report, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from .readiness import is_ready

_LAST_WORDS_S = 1.0
_LOOK_S = 0.02
_MARK = "TEST_PROGRAM"


class ProgramError(ProcessEnderError):
    """The program under test did not do in time what the test waited for."""

    code = "program"


class Program:
    """
    A program in a session of its own; a context manager; leaving it kills everything that the program has started.

    Its standard output and its standard error are read together. `PROCESSENDER_STATE` is a private directory.
    """

    def __init__(
        self, what: str | Sequence[str], *args: str, env: Mapping[str, str] | None = None, cwd: str | None = None
    ) -> None:
        """
        Take what to run; nothing runs before the block is entered.

        Args:

            what: The source of a Python program, or an argv list.

            args: What follows in its argv.

            env: Variables beside those of this process; none of its `PROCESSENDER_*` is handed on.

            cwd: Its working directory.
        """
        self.argv = [*([sys.executable, "-c", what] if isinstance(what, str) else what), *args]
        self._state = tempfile.TemporaryDirectory(prefix="processender-test-")
        self.state = Path(self._state.name)
        """The private directory of its reports."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROCESSENDER_")}
        private = {"PROCESSENDER_STATE": self._state.name, _MARK: self._state.name, "PYTHONUNBUFFERED": "1"}
        self._env = inherited | private | dict(env or {})
        self._cwd = cwd
        self._data = b""
        self._read_to_end = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="processender-test-reader", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )
        except OSError:
            self._state.cleanup()
            raise
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what is left of it, in its own session and in others, and remove its directory."""
        process = self._started()
        self.kill()
        process.wait()
        self._reader.join()
        if process.stdout is not None:
            process.stdout.close()
        self._state.cleanup()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._started().pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._started().poll() is not None

    @property
    def environ(self) -> dict[str, str]:
        """Its environment, for others that are to see what it sees."""
        return dict(self._env)

    @property
    def output(self) -> str:
        """What it has written so far, to both streams."""
        with self._changed:
            return self._data.decode("utf-8", "replace")

    def wait_for(self, text: str, limit: float = 10.0) -> str:
        """Wait at most *limit* seconds until it has written *text*; return all that it has written."""
        wanted = text.encode()
        with self._changed:
            self._changed.wait_for(lambda: wanted in self._data or self._read_to_end, limit)
            written, ended = self._data.decode("utf-8", "replace"), self._read_to_end
        if text not in written:
            how = "ended without writing" if ended else f"has run for {limit} s without writing"
            raise ProgramError(f"the program {how} {text!r}; it wrote:\n{written}")
        return written

    def wait_until_answered(self, url: str, limit: float = 10.0) -> None:
        """Wait at most *limit* seconds until a GET of *url*, with http, is answered by 200."""
        clock, pause = SystemClock(), threading.Event()
        until = clock.now() + limit
        while not is_ready(url):
            if self.ended or clock.now() > until:
                how = f"has ended, and {url} never" if self.ended else f"has run for {limit} s, and {url} never"
                raise ProgramError(f"the program {how} answered 200; it wrote:\n{self.output}")
            pause.wait(_LOOK_S)

    def signal(self, name: str | int) -> None:
        """Send it a signal, named with or without `SIG`, or by its number."""
        if isinstance(name, str):
            name = signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
        self._started().send_signal(name)

    def wait(self, limit: float = 10.0) -> int:
        """Wait at most *limit* seconds for its end; return its exit code, -n if it died of signal n."""
        try:
            code = self._started().wait(limit)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"the program still runs after {limit} s; it wrote:\n{self.output}") from None
        # A descendant may keep the streams open for as long as it likes.
        self._reader.join(_LAST_WORDS_S)
        return code

    def kill(self) -> None:
        """Kill it, with everything that it has started."""
        while left := self.left():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def report(self) -> dict[str, Any]:
        """Return its newest report; raise `ProgramError` if there is none."""
        found = sorted(self.state.glob("*/reports/last.json"))
        if not found:
            raise ProgramError(f"the program has written no report; it wrote:\n{self.output}")
        report: dict[str, Any] = json.loads(found[-1].read_text(encoding="utf-8"))
        return report

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ProgramError("the program does not run yet; enter its block first")
        return self._process

    def _read(self) -> None:
        stream = self._started().stdout
        assert stream is not None  # it was asked for
        while data := os.read(stream.fileno(), 65536):
            with self._changed:
                self._data += data
                self._changed.notify_all()
        with self._changed:
            self._read_to_end = True
            self._changed.notify_all()

    def left(self) -> list[int]:
        """Return the live processes of its session, and those elsewhere that have inherited its directory."""
        mark = os.fsencode(f"{_MARK}={self._state.name}")
        found = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if not entry.isdigit():
                    continue
                status = Path("/proc", entry, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                if status[0] in "ZX":
                    continue
                ours = int(status[3]) == self.pid
                if ours or mark in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    found.append(int(entry))
        return found
