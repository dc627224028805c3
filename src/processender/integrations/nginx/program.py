"""A program that belongs to nginx, run to its end within the time of an attempt, with what it said."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

from ...errors import Permanent
from ...hints import TYPE_CHECKING, Protocol
from ...ports import Context

if TYPE_CHECKING:
    from subprocess import Popen

LONGEST_S = 10.0


class Reaper(Protocol):
    """Whoever reaps children in this process, so that it leaves these alone."""

    def start(self, spawn: Callable[[], Popen[bytes]]) -> Popen[bytes]:
        """Call *spawn* and know its process from its first instant."""

    def forget(self, pid: int) -> None:
        """Forget the process *pid*, which was waited for."""


def run(argv: Sequence[str], ctx: Context, reaper: Reaper | None = None) -> tuple[int, str]:
    """Return the code and the end of the output of *argv*; raise `TimeoutError`, or `Permanent` if it cannot run."""
    import subprocess  # noqa: PLC0415 - for those who run one

    def spawn() -> Popen[bytes]:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    try:
        process = spawn() if reaper is None else reaper.start(spawn)
    except OSError as error:
        raise Permanent(f"cannot run {argv[0]}: {error.strerror}") from error
    try:
        with process:
            ctx.on_cancel(lambda: _kill(process))
            try:
                said, _ = process.communicate(timeout=min(LONGEST_S, ctx.remaining()))
            except subprocess.TimeoutExpired as error:
                _kill(process)
                raise TimeoutError(f"`{' '.join(argv)}` has not ended in time") from error
    finally:
        if reaper is not None:
            reaper.forget(process.pid)
    return process.returncode, said.decode("utf-8", "replace").strip()[-400:]


def _kill(process: Popen[bytes]) -> None:
    # Before it is waited for, its number is nobody else's.
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
