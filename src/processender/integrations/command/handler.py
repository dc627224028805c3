"""
A command as a handler: its argument list runs without a shell, in a session of its own, for as long as its time lasts.

At the end of its time, or when it is asked to give way, its process group gets TERM and, a moment later, KILL; so the
handler always comes back, and nothing of it is left behind.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from ...core.limits import cancel_grace
from ...errors import HandlerError, Permanent, ProcessEnderError, Transient
from ...hints import TYPE_CHECKING, Any, Protocol
from ...ports import Context

if TYPE_CHECKING:
    from subprocess import Popen

KEPT_BYTES = 4096
"""How much of the end of the output is kept for the error."""
EX_TEMPFAIL = 75
"""The exit code for a failure that may pass (sysexits.h): it counts as transient, every other as final."""
_LOOK_S = 0.05


class Reaper(Protocol):
    """Whoever reaps children in this process, so that it leaves those of a handler to the handler."""

    def start(self, spawn: Callable[[], Popen[bytes]]) -> Popen[bytes]:
        """Call *spawn* and know its process from its first instant."""

    def forget(self, pid: int) -> None:
        """Forget the process *pid*, which was waited for."""


class CommandFailed(ProcessEnderError):
    """The command ended with a code that means failure."""

    code = "command-failed"

    def __init__(self, message: str, returncode: int, output: str = "") -> None:
        """Take the *returncode* (minus the signal that killed it) and the end of the *output*."""
        super().__init__(message)
        self.returncode = returncode
        self.output = output


class CommandFailedForNow(CommandFailed, Transient):
    """The command said that its failure may pass."""

    retry_after: float | None = None


class CommandTimedOut(CommandFailed, TimeoutError):
    """The command did not end in its time and was killed."""

    code = "command-timed-out"


class CommandCannotRun(Permanent):
    """The command cannot be started, and will not be by another attempt."""

    code = "command-cannot-run"


def command(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    transient: Collection[int] = (EX_TEMPFAIL,),
    reaper: Reaper | None = None,
) -> Callable[[Context], None]:
    """
    Return a sync handler's callable that runs *argv*.

    The command finds why and how in its environment: `PROCESSENDER_CAUSE`, `PROCESSENDER_REMAINING` (like `12.3s`),
    `PROCESSENDER_ATTEMPT` and `PROCESSENDER_IDEMPOTENCY_KEY`. It reads nothing and its output is kept for the error.

    Args:

        argv: The program and its arguments; no shell reads them.

        env: More variables of the environment.

        cwd: The directory to run in; by default that of this process.

        transient: The exit codes after which another attempt may succeed; a retry policy repeats no others.

        reaper: Whoever reaps children in this process.

    The callable raises `CommandFailed` (`CommandFailedForNow` for a code in *transient*), `CommandTimedOut`, or
    `CommandCannotRun`; an `OSError` of the system, such as no memory, passes as it is.
    """
    import subprocess  # noqa: PLC0415, F401 - loaded now, because at the end there may be no disk to load it from

    is_list = bool(argv) and not isinstance(argv, str | bytes)
    if not is_list or not all(isinstance(each, str) and "\0" not in each for each in argv):
        raise HandlerError(f"cannot run {argv!r}: give a list of the program and its arguments, as text without NUL")
    words = tuple(argv)
    more = dict(env or {})
    known = frozenset(transient)

    def run(ctx: Context) -> None:
        bell = _Bell()
        try:
            process = _start(words, {**os.environ, **_reasons(ctx), **more}, cwd, reaper)
            forget = ctx.on_cancel(bell.ring)
            try:
                process.carry_through(ctx, bell)
            finally:
                forget()
                process.close()
        finally:
            bell.close()
        _judge(words[0], process, known)

    run.__name__ = run.__qualname__ = os.path.basename(words[0])
    return run


def _reasons(ctx: Context) -> dict[str, str]:
    return {
        "PROCESSENDER_CAUSE": ctx.cause,
        "PROCESSENDER_REMAINING": f"{ctx.remaining():.1f}s",
        "PROCESSENDER_ATTEMPT": str(ctx.attempt),
        "PROCESSENDER_IDEMPOTENCY_KEY": ctx.idempotency_key,
    }


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

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: str | None, reaper: Reaper | None) -> None:
        """Start it, or raise what the system says."""
        from subprocess import DEVNULL, STDOUT, Popen  # noqa: PLC0415 - `command` has loaded it

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

    @property
    def returncode(self) -> int:
        """Its exit code, or minus the signal that killed it."""
        code: int = self._process.returncode
        return code

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


def _start(argv: Sequence[str], env: Mapping[str, str], cwd: str | None, reaper: Reaper | None) -> _Process:
    try:
        return _Process(argv, env, cwd, reaper)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        text = f"cannot run {argv[0]!r}: {error.strerror}: {error.filename!r}; check the path and its permissions"
        raise CommandCannotRun(text) from error


def _judge(name: str, process: _Process, transient: Collection[int]) -> None:
    """Raise what the end of *process* means; return if it is done."""
    code = process.returncode
    output = process.output.decode("utf-8", "replace").strip()
    last = f": {output.splitlines()[-1][:300]}" if output else ""
    if process.was_told:
        raise CommandTimedOut(f"{name!r} did not end in its time and was killed{last}", code, output)
    if code < 0:
        raise CommandFailed(f"{name!r} died of {_signal_name(-code)}{last}", code, output)
    if code in transient and code:
        raise CommandFailedForNow(f"{name!r} ended with code {code}, which may pass{last}", code, output)
    if code:
        raise CommandFailed(f"{name!r} ended with code {code}{last}", code, output)


def _signal_name(signum: int) -> str:
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"
