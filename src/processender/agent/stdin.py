"""
The standard input of a command that is asked to end by closing it: a pipe, which the agent fills from its own.

Theory of operation. A thread carries what there is; whoever closes the pipe does so under the lock that every write
holds, and the pipe never blocks a write, so closing waits for nobody. When the agent's own input comes to its end, so
does the command's; only the null device, which is what most platforms give, means that nothing is said, not the end.
"""

from __future__ import annotations

import os
import select
import threading

from ..hints import Any

_CHUNK = 65536


class Stdin:
    """The pipe, renewed at each start of the command. Safe for threads."""

    def __init__(self, source: int = 0) -> None:
        """Take the descriptor that is read."""
        self._source = source
        self._lock = threading.Lock()
        self._opened = threading.Condition(self._lock)
        self._pipe = -1
        self._others = -1
        self._over = _is_null(source)
        """Whether nothing more is to be read."""
        self._passed_on = False
        """Whether the end of what is read was passed on: then the next command finds it too."""
        self._thread: threading.Thread | None = None
        self._bell_out, self._bell_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def open(self) -> list[tuple[Any, ...]]:
        """Make a pipe for the next start and return what `os.posix_spawn` must do for it."""
        with self._lock:
            self._shut()
            self._others, self._pipe = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._pipe, False)
            return [(os.POSIX_SPAWN_DUP2, self._others, 0)]

    def settle(self) -> None:
        """Give up the end that is the command's, once it was started, and begin to fill the other."""
        with self._lock:
            os.close(self._others)
            if self._passed_on:
                self._shut()
            self._opened.notify_all()
            if self._thread is None and not self._over:
                self._thread = threading.Thread(target=self._feed, name="processender-stdin", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Let the command find the end of its input; when it has found it already, nothing changes."""
        with self._lock:
            self._shut()
        self._ring()

    def _shut(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
        self._pipe = -1

    def _ring(self) -> None:
        try:
            os.write(self._bell_in, b"!")
        except BlockingIOError:
            return

    def _feed(self) -> None:
        while True:
            with self._opened:
                # What is typed for a command that does not run is kept for the next.
                self._opened.wait_for(lambda: self._pipe >= 0)
            if not self._await(self._source, select.POLLIN):
                continue
            try:
                data = os.read(self._source, _CHUNK)
            except OSError:
                # A terminal of which we are in the background, or that is gone: it has nothing more to say.
                return
            if not data:
                with self._lock:
                    self._over = self._passed_on = True
                    self._shut()
                return
            self._write(data)

    def _write(self, data: bytes) -> None:
        """Write all of *data*; what a command that is gone, or whose input was closed, has not read is lost."""
        while data:
            with self._lock:
                if self._pipe < 0:
                    return
                pipe = self._pipe
                try:
                    data = data[os.write(pipe, data) :]
                    continue
                except BlockingIOError:
                    pass
                except OSError:
                    self._shut()
                    return
            self._await(pipe, select.POLLOUT)

    def _await(self, descriptor: int, events: int) -> bool:
        """Wait until *descriptor* is ready, tell whether it is; a bell comes first."""
        poll = select.poll()
        poll.register(descriptor, events)
        poll.register(self._bell_out, select.POLLIN)
        ready = dict(poll.poll())
        if self._bell_out in ready:
            os.read(self._bell_out, 4096)
        return descriptor in ready


def _is_null(descriptor: int) -> bool:
    try:
        return os.fstat(descriptor).st_rdev == os.stat(os.devnull).st_rdev
    except OSError:
        return True
