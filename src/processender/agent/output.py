"""
The output of the command where the agent reads it: pipes, and the one thread that passes on what comes through them.

Theory of operation. What was read is written before more is read: a reader of the agent's output that is slow makes the
command slow, as it would without the agent, and no memory grows. The pipes are read until their end, so nothing that a
command wrote before it died is lost; when all that the command has started is gone and somebody else still holds a
pipe, what is in it at that moment is read, and not what such a stranger goes on writing. When nobody reads the agent's
output any more, the command finds that out as it would without the agent: by EPIPE. What cannot be written for another
reason is counted, and told.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import termios
import threading
from collections.abc import Callable

from ..engine.clock import SystemClock
from ..hints import Any
from .framing import Framer
from .settings import Style

_CHUNK = 65536
_ATOMIC = 4096
"""What a pipe takes in one piece (PIPE_BUF of Linux), so that nobody's line ends up inside of another's."""
NAMES = {1: "stdout", 2: "stderr"}
"""The streams that are read, by their descriptors."""


class _Stream:
    """One pipe of one start of the command."""

    def __init__(self, pipe: int, target: int, style: Style) -> None:
        self.pipe = pipe
        self.target = target
        self.framer = Framer(NAMES[target], style)


class Output:
    """Everything that the command writes, over all its starts. Safe for threads."""

    def __init__(self, style: Style, trouble: Callable[[str, str], object]) -> None:
        """Take the *style*, and who is told (a code and a text) of what goes wrong."""
        self.last_at = 0.0
        """When the command has last written something, or was started, seconds on the monotonic clock."""
        self._style = style
        self._trouble = trouble
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._fresh: list[_Stream] = []
        self._theirs: list[int] = []
        self._streams: dict[int, _Stream] = {}
        self._lost: dict[int, int] = {}
        self._finishing = False
        self._held: set[str] = set()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._bell_out, self._bell_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def open(self) -> list[tuple[Any, ...]]:
        """Make pipes for the next start and return what `os.posix_spawn` must do for them."""
        self.last_at = self._clock.now()
        actions = []
        for target in NAMES:
            ours, theirs = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self._theirs.append(theirs)
            with self._lock:
                self._fresh.append(_Stream(ours, target, self._style))
            actions.append((os.POSIX_SPAWN_DUP2, theirs, target))
        return actions

    def settle(self) -> None:
        """Give up the ends that are the command's, once it was started, and read the others."""
        for descriptor in self._theirs:
            os.close(descriptor)
        self._theirs = []
        if self._thread is None:
            self._thread = threading.Thread(target=self._pass_on, name="processender-output", daemon=True)
            self._thread.start()
        self._ring()

    def finish(self, seconds: float) -> str:
        """Pass on what is left, in at most *seconds*, when the command is gone; return what is lost, in words."""
        if self._thread is None:
            return ""
        self._finishing = True
        self._ring()
        if not self._done.wait(max(0.0, seconds)):
            return "cannot pass on the end of the command's output: nobody reads it; read it faster"
        found = [
            f"the last output may be missing: a process that is not the command's holds its {name}"
            for name in sorted(self._held)
        ]
        found += [f"{count} bytes of {NAMES[target]} were lost" for target, count in self._lost.items()]
        return "; ".join(found)

    def _ring(self) -> None:
        try:
            os.write(self._bell_in, b"!")
        except BlockingIOError:
            return

    def _pass_on(self) -> None:
        """Read and write, until all is read and no more is to come."""
        poll = select.poll()
        poll.register(self._bell_out, select.POLLIN)
        while True:
            # Looked at before the pipes are: what was written before the end was told is then in them.
            finishing = self._finishing
            with self._lock:
                fresh, self._fresh = self._fresh, []
            for stream in fresh:
                self._streams[stream.pipe] = stream
                poll.register(stream.pipe, select.POLLIN)
            if finishing:
                break
            ready = [number for number, _ in poll.poll()]
            if self._bell_out in ready:
                os.read(self._bell_out, 4096)
            for stream in [self._streams[number] for number in ready if number in self._streams]:
                if not self._read(stream):
                    poll.unregister(stream.pipe)
                    self._close(stream)
        for stream in list(self._streams.values()):
            if self._read_rest(stream):
                self._held.add(NAMES[stream.target])
            self._close(stream)
        self._done.set()

    def _read_rest(self, stream: _Stream) -> bool:
        """Pass on what is in the pipe at this moment; tell whether somebody still holds its other end."""
        left = _waiting_in(stream.pipe)
        while left > 0:
            before = left
            left -= min(left, _CHUNK)
            if not self._read(stream, before - left):
                return False
        poll = select.poll()
        poll.register(stream.pipe, select.POLLIN)
        return not any(how & select.POLLHUP for _, how in poll.poll(0))

    def _read(self, stream: _Stream, most: int = _CHUNK) -> bool:
        """Pass on what there is, at *most* so many bytes; return False at the end of it."""
        try:
            data = os.read(stream.pipe, most)
        except BlockingIOError:
            return True
        if not data:
            return False
        self.last_at = self._clock.now()
        return self._write(stream.target, stream.framer.feed(data, self._clock.wall()))

    def _close(self, stream: _Stream) -> None:
        del self._streams[stream.pipe]
        os.close(stream.pipe)
        self._write(stream.target, stream.framer.end(self._clock.wall()))

    def _write(self, target: int, data: bytes) -> bool:
        """Write all of *data*; return False when nobody will ever read it."""
        rest: Any = memoryview(data)
        while rest:
            piece = rest if target == 1 else rest[: _piece(rest)]
            try:
                rest = rest[os.write(target, piece) :]
            except BlockingIOError:
                # Somebody who shares it wants it so.
                _await_room(target)
            except BrokenPipeError:
                return False
            except OSError as error:
                if target not in self._lost:
                    self._trouble("output", f"cannot write the command's {NAMES[target]}: {error.strerror}; it is lost")
                self._lost[target] = self._lost.get(target, 0) + len(rest)
                return True
        return True


def _waiting_in(pipe: int) -> int:
    """Return how many bytes can be read from *pipe*."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def _piece(data: memoryview) -> int:
    """Return the length of as many whole lines of *data* as a pipe takes in one piece."""
    if len(data) <= _ATOMIC:
        return len(data)
    end = bytes(data[:_ATOMIC]).rfind(b"\n") + 1
    return end or _ATOMIC


def _await_room(target: int) -> None:
    poll = select.poll()
    poll.register(target, select.POLLOUT)
    poll.poll()
