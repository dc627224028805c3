"""A program that belongs to nginx, run to its end within the time of an attempt, with what it said."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from ...errors import Permanent
from ...hints import TYPE_CHECKING
from ...ports import Context

if TYPE_CHECKING:
    from subprocess import Popen

LONGEST_S = 10.0


def run(argv: Sequence[str], ctx: Context) -> tuple[int, str]:
    """
    Return the exit code of *argv* and the end of what it said; raise `TimeoutError`, and `Permanent` if it cannot run.

    Where this process is an agent that reaps strangers, the code may be lost and read as 0: look at the words too.
    """
    import subprocess  # noqa: PLC0415 - for those who run one

    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        raise Permanent(f"cannot run {argv[0]}: {error.strerror}") from error
    with process:
        ctx.on_cancel(lambda: _kill(process))
        try:
            said, _ = process.communicate(timeout=min(LONGEST_S, ctx.remaining()))
        except subprocess.TimeoutExpired as error:
            _kill(process)
            raise TimeoutError(f"`{' '.join(argv)}` has not ended in time") from error
    return process.returncode, said.decode("utf-8", "replace").strip()[-400:]


def _kill(process: Popen[bytes]) -> None:
    # Before it is waited for, its number is nobody else's.
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
