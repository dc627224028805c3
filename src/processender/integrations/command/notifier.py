"""A command that follows a crash: it is told which in its environment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from ...core.crash import CrashReport
from ...ports import Context
from ...programs import Reaper
from .handler import EX_TEMPFAIL, command


def crash_command(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    transient: Collection[int] = (EX_TEMPFAIL,),
    reaper: Reaper | None = None,
) -> Callable[[CrashReport, Context], None]:
    """
    Return what runs *argv* after a crash; see `command` for the arguments.

    The command finds in its environment `PROCESSENDER_CRASH` (the file that holds the account),
    `PROCESSENDER_CRASH_CAUSE`, `PROCESSENDER_CRASH_SIGNAL`, `PROCESSENDER_CRASH_EXIT` and
    `PROCESSENDER_CRASH_SUMMARY`, a line for a person; empty where a fact is not known.
    """
    more = dict(env or {})
    command(argv, env=more, cwd=cwd)  # raises now, not after the crash, and loads what it needs

    def run(crash: CrashReport, ctx: Context) -> None:
        told = {
            "PROCESSENDER_CRASH": crash.path,
            "PROCESSENDER_CRASH_CAUSE": crash.cause,
            "PROCESSENDER_CRASH_SIGNAL": crash.signal,
            "PROCESSENDER_CRASH_EXIT": "" if crash.exit is None else str(crash.exit),
            "PROCESSENDER_CRASH_SUMMARY": crash.summary,
        }
        command(argv, env=told | more, cwd=cwd, transient=transient, reaper=reaper)(ctx)

    return run
