"""
One program, run to its end within the time of an attempt, and the end of what it has said.

No shell is in between. It has a session of its own; at the end of its time, or when the attempt must give way, its
process group gets TERM and, a moment later, KILL: so who waits always comes back, and nothing of it is left behind.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Mapping, Sequence

from .core.limits import cancel_grace
from .core.record import Record
from .errors import HandlerError, Permanent
from .hints import TYPE_CHECKING, Any, Protocol
from .ports import Context

if TYPE_CHECKING:
    from subprocess import Popen

KEPT_BYTES = 4096
"""How much of the end of the output is kept."""
_LOOK_S = 0.05


class Reaper(Protocol):
    """Whoever reaps children in this process, so that it leaves those of a handler to the handler."""

    def start(self, spawn: Callable[[], Popen[bytes]]) -> Popen[bytes]:
        """Call *spawn* and know its process from its first instant."""

    def forget(self, pid: int) -> None:
        """Forget the process *pid*, which was waited for."""


class CommandCannotRun(Permanent):
    """The command cannot be started, and will not be by another attempt."""

    code = "command-cannot-run"


class Ended(Record):
    """How it has ended."""

    returncode: int
    """Its exit code, or minus the signal that killed it."""
    output: str
    """The end of what it has said, on either of its streams."""
    was_told: bool
    """Whether it was told to, because its time was up or the attempt had to give way."""


def checked(argv: Sequence[str]) -> tuple[str, ...]:
    """Return *argv* as it is run, and load what that needs; raise `HandlerError` for what cannot be run."""
    import subprocess  # noqa: PLC0415, F401 - loaded now, because at the end there may be no disk to load it from

    is_list = bool(argv) and not isinstance(argv, str | bytes)
    if not is_list or not all(isinstance(each, str) and "\0" not in each for each in argv):
        raise HandlerError(f"cannot run {argv!r}: give a list of the program and its arguments, as text without NUL")
    return tuple(argv)


def run(
    argv: Sequence[str],
    ctx: Context,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    reaper: Reaper | None = None,
) -> Ended:
    """
    Run *argv* on this thread and return how it has ended.

    Args:

        argv: The program and its arguments, which were `checked`.

        ctx: The attempt in whose time it runs.

        env: Its environment; by default that of this process.

        cwd: The directory to run in; by default that of this process.

        reaper: Whoever reaps children in this process.

    Raises `CommandCannotRun`; an `OSError` of the system, such as no memory, passes as it is.
    """
    bell = _Bell()
    try:
        process = _start(argv, env, cwd, reaper)
        forget = ctx.on_cancel(bell.ring)
        try:
            process.carry_through(ctx, bell)
        finally:
            forget()
            process.close()
    finally:
        bell.close()
    return process.ended()


class _Bell:
    """Wakes the thread that waits for a process, from any other; harmless when all is over."""

    def __init__(self) -> None:
        self.out, self._in = os.pipe()
        self._lock = threading.Lock()

    def ring(self) -> None:
        with self._lock:
            if self._in >= 0:
                os.write(self._in, b"!")

    def close(self) -> None:
        with self._lock:
            os.close(self._in)
            os.close(self.out)
            self._in = -1


class _Process:
    """One process and the end of its output."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str] | None, cwd: str | None, reaper: Reaper | None
    ) -> None:
        """Start it, or raise what the system says."""
        from subprocess import DEVNULL, STDOUT, Popen  # noqa: PLC0415 - `checked` has loaded it

        self.output = bytearray()
        self.was_told = False
        self._reaper = reaper
        self._pipe, pipe_in = os.pipe()
        os.set_blocking(self._pipe, False)
        options: dict[str, Any] = {"stdin": DEVNULL, "stdout": pipe_in, "stderr": STDOUT}

        def spawn() -> Popen[bytes]:
            # No thread is in the way of one system call.
            return Popen(argv, env=env, cwd=cwd, start_new_session=True, preexec_fn=_unblock(), **options)  # noqa: PLW1509

        try:
            self._process = spawn() if reaper is None else reaper.start(spawn)
        except OSError:
            os.close(self._pipe)
            raise
        finally:
            os.close(pipe_in)
        self._pidfd = _open_pidfd(self._process.pid)

    def carry_through(self, ctx: Context, bell: _Bell) -> None:
        """Wait until it has ended, and see to it that it does in the time of *ctx*."""
        grace = cancel_grace(ctx.remaining()) / 2
        while not self._wait(ctx.remaining(), bell.out, self._pipe):
            if ctx.remaining() <= 0:
                self._end_group(grace)
                break
        self._read()
        self._process.wait()

    def _wait(self, seconds: float, *others: int) -> bool:
        """Wait at most *seconds* for its end or for one of the *others* to be readable; tell whether it has ended."""
        poll = select.poll()
        for descriptor in (self._pidfd, *others):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        if self._pidfd < 0:
            poll.poll(min(seconds, _LOOK_S) * 1000)
            self._read()
            return self._process.poll() is not None
        ready = dict(poll.poll(seconds * 1000 + 1))
        self._read()
        return self._pidfd in ready

    def _end_group(self, grace: float) -> None:
        """Send TERM to its group, and KILL after *grace* seconds."""
        # It is not reaped in between, so the number stays its own.
        self.was_told = True
        self._signal(signal.SIGTERM)
        self._wait(grace)
        self._signal(signal.SIGKILL)

    def _signal(self, signum: int) -> None:
        try:
            os.killpg(self._process.pid, signum)
        except (ProcessLookupError, PermissionError):
            # It is gone, or it has become another user's: there is nothing more that this process may do.
            return

    def _read(self) -> None:
        """Take what there is of its output, not up to its end: a grandchild may hold the pipe open for ever."""
        for _ in range(256):
            try:
                part = os.read(self._pipe, 65536) if self._pipe >= 0 else b""
            except BlockingIOError:
                return
            if not part:
                self._close_pipe()
                return
            self.output += part
            del self.output[:-KEPT_BYTES]

    def ended(self) -> Ended:
        """Return how it has ended."""
        output = self.output.decode("utf-8", "replace").strip()
        return Ended(self._process.returncode, output, self.was_told)

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
        self._pipe = -1

    def close(self) -> None:
        """Close what was opened."""
        if self._reaper is not None and self._process.returncode is not None:
            self._reaper.forget(self._process.pid)
        self._close_pipe()
        if self._pidfd >= 0:
            os.close(self._pidfd)


def _unblock() -> Callable[[], object] | None:
    """
    Return what gives a child of this thread the mask that programs expect; None where that is there already.

    An agent keeps every signal blocked, and a child inherits that. Its way through a fork needs no lock: one call.
    """
    if not signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return None
    return lambda: signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _open_pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        # Old kernels, some sandboxes, other systems: its end is then looked for in short steps.
        return -1


def _start(argv: Sequence[str], env: Mapping[str, str] | None, cwd: str | None, reaper: Reaper | None) -> _Process:
    try:
        return _Process(argv, env, cwd, reaper)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        text = f"cannot run {argv[0]!r}: {error.strerror}: {error.filename!r}; check the path and its permissions"
        raise CommandCannotRun(text) from error
