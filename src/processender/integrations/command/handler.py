"""
A command as a handler: its argument list runs without a shell, in a session of its own, for as long as its time lasts.

At the end of its time, or when it is asked to give way, its process group gets TERM and, a moment later, KILL; so the
handler always comes back, and nothing of it is left behind.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence

from ...errors import ProcessEnderError, Transient
from ...ports import Context
from ...programs import Ended, Reaper, checked, run

EX_TEMPFAIL = 75
"""The exit code for a failure that may pass (sysexits.h): it counts as transient, every other as final."""


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
    words = checked(argv)
    more = dict(env or {})
    known = frozenset(transient)

    def call(ctx: Context) -> None:
        _judge(words[0], run(words, ctx, env={**os.environ, **_reasons(ctx), **more}, cwd=cwd, reaper=reaper), known)

    call.__name__ = call.__qualname__ = os.path.basename(words[0])
    return call


def _reasons(ctx: Context) -> dict[str, str]:
    return {
        "PROCESSENDER_CAUSE": ctx.cause,
        "PROCESSENDER_REMAINING": f"{ctx.remaining():.1f}s",
        "PROCESSENDER_ATTEMPT": str(ctx.attempt),
        "PROCESSENDER_IDEMPOTENCY_KEY": ctx.idempotency_key,
    }


def _judge(name: str, ended: Ended, transient: Collection[int]) -> None:
    """Raise what it means that it has *ended*; return if it is done."""
    code, output = ended.returncode, ended.output
    last = f": {output.splitlines()[-1][:300]}" if output else ""
    if ended.was_told:
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
