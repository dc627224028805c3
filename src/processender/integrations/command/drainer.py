"""Leaving traffic by a command, and coming back by another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core.handler import Handler
from ...hints import Any
from ...leaving import drainer
from ...patience import check_wait, evidence
from ...ports import Context
from ...programs import Reaper
from .handler import CommandFailed, command

LOOK_S = 5.0
"""The longest that one look may take."""
EVERY_S = 0.5
"""How long to wait between two looks: each is a process."""


def drain(
    down: Sequence[str],
    up: Sequence[str] | None = None,
    *,
    until: Sequence[str] | None = None,
    env: dict[str, str] | None = None,
    cwd: str | None = None,
    lasting: bool = True,
    reaper: Reaper | None = None,
    name: str = "",
    timeout: float | None = None,
    wait: float = 10.0,
) -> Handler:
    """
    Return the handler that leaves traffic by a command; see `command` for how it runs.

    Args:

        down: The program that leaves traffic, and its arguments.

        up: The one that comes back, if there is a way back.

        until: The one that is repeated until it ends with 0: the evidence.

        env: More variables of the environment.

        cwd: The directory to run in; by default that of this process.

        lasting: Whether what *down* does outlasts the process, so that *up* also runs when a new one serves.

        reaper: Whoever reaps children in this process.

        name: The name of the handler; by default that of the program that leaves.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.

        wait: The longest it waits for the evidence, seconds.

    Raises `HandlerError` for what cannot be run.
    """
    check_wait("wait", wait, 10.0, timeout)
    options: dict[str, Any] = {"env": env, "cwd": cwd, "reaper": reaper}
    leave = command(down, **options)
    look = None if until is None else command(until, **options)
    resume = None if up is None else command(up, **options)
    shown = "" if until is None else until[0]

    def carry_through(ctx: Context) -> None:
        leave(ctx)
        if look is not None:
            seen = _look(ctx, look, f"{shown!r} has ended with 0")
            evidence(ctx, seen, f"{shown!r} does not end with 0", wait=wait, every=EVERY_S)

    own = name or leave.__name__
    return drainer(own, carry_through, resume, wait=wait, timeout=timeout, lasting=lasting)


def _look(ctx: Context, run: Callable[[Any], None], said: str) -> Callable[[], str | None]:
    def look() -> str | None:
        try:
            run(ctx.short(LOOK_S))
        except CommandFailed:
            return None
        return said

    return look
