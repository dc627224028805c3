"""
Signs of life of the command: a file that it touches, or datagrams that it sends; and what follows when none come.

Nothing is looked at more often than it must be: the next look is when the last sign would be too old. Datagrams are
read by a thread that waits for them, because a queue that nobody reads would block the command.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Sequence

from ..core.care import Vigil, when_changed
from ..engine.clock import SystemClock
from ..hints import Any
from .alarms import Alarms
from .errors import AgentError

VARIABLE = "PROCESSENDER_HEARTBEAT"
"""Where the command finds the path of the socket to which each datagram is a sign of life."""


class HeartbeatError(AgentError, OSError):
    """The socket for signs of life cannot be made."""

    code = "heartbeat-socket"


class Vigils:
    """All waits for signs of one command. Main thread only, unless it says otherwise."""

    def __init__(
        self,
        vigils: Sequence[Vigil],
        alarms: Alarms,
        silent: Callable[[Vigil, str], object],
        directory: str,
        heard: Callable[[], float],
    ) -> None:
        """
        Take everything up.

        Args:

            vigils: What is waited for.

            alarms: Who calls the main thread.

            silent: Is told of silence.

            directory: Where the socket is made; empty where there is no place for it.

            heard: Tells when the command has last written something, which is a sign that it is not deadlocked.
        """
        self._alarms = alarms
        self._clock = SystemClock()
        self._waits = [_Wait(each, alarms, self._clock, silent, heard) for each in vigils]
        self._socket: Any = None
        self._path = ""
        if any(each.socket for each in vigils):
            self._listen(directory)

    @property
    def variables(self) -> dict[str, str]:
        """What the command must be told."""
        return {VARIABLE: self._path} if self._path else {}

    def begin(self) -> None:
        """Wait from now on."""
        for each in self._waits:
            each.begin()

    def end(self) -> None:
        """Wait no longer."""
        for each in self._waits:
            each.end()

    def beat(self) -> None:
        """Take a sign; from any thread."""
        for each in self._waits:
            each.sign()

    def close(self) -> None:
        """Remove the socket."""
        if self._path:
            path, self._path = self._path, ""
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _listen(self, directory: str) -> None:
        path = os.path.join(directory, "heartbeat")
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            if not directory:
                raise OSError("there is no private directory")  # noqa: TRY301 - one way to tell it
            made.bind(path)
            os.chmod(path, 0o600)
        except OSError as error:
            made.close()
            why = error.strerror or error
            raise HeartbeatError(
                f"cannot listen for the heartbeat: {why}; let XDG_RUNTIME_DIR name a directory that can be written, "
                "or use `file`"
            ) from error
        self._socket, self._path = made, path
        threading.Thread(target=self._receive, name="processender-heartbeat", daemon=True).start()

    def _receive(self) -> None:
        while True:
            self._socket.recv(64)
            self.beat()


class _Wait:
    """The wait for the next sign."""

    def __init__(
        self,
        vigil: Vigil,
        alarms: Alarms,
        clock: SystemClock,
        silent: Callable[[Vigil, str], object],
        heard: Callable[[], float],
    ) -> None:
        self.vigil = vigil
        self._alarms = alarms
        self._clock = clock
        self._silent = silent
        self._heard = heard
        self._last = self._looked = 0.0
        self._allowed = vigil.first
        self._changed: float | None = None
        self._alarm = 0

    def begin(self) -> None:
        self._last = self._looked = self._clock.now()
        self._allowed = self.vigil.first
        self._changed = self._change()
        self._await(self._allowed)

    def end(self) -> None:
        self._alarms.cancel(self._alarm)

    def sign(self) -> None:
        self._allowed, self._last = self.vigil.within, self._clock.now()

    def _look(self) -> None:
        now = self._clock.now()
        changed = self._change()
        if changed is not None and changed != self._changed:
            last = when_changed(self._clock.wall() - changed, self._looked, now)
            self._changed, self._last = changed, max(self._last, last)
            self._allowed = self.vigil.within
        if self.vigil.cause == "deadlock":
            self._last = max(self._last, self._heard())
        self._looked = now
        left = self._last + self._allowed - now
        if left > 0:
            self._await(left)
            return
        self._silent(self.vigil, f"the command has given no sign of life for {now - self._last:.2f} s")

    def _await(self, left: float) -> None:
        # The first sign may have more time than the others; when it has come, theirs counts.
        self._alarm = self._alarms.after(min(left, self.vigil.within), self._look)

    def _change(self) -> float | None:
        if not self.vigil.file:
            return None
        try:
            return os.stat(self.vigil.file).st_mtime
        except OSError:
            return None
