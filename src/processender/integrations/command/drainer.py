"""Leaving traffic by a command, and coming back by another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core.handler import DRAIN, Handler
from ...core.retry import Retry
from ...hints import Any
from ...patience import evidence
from ...ports import Context
from .handler import CommandFailed, Reaper, command

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
    settle: float = 10.0,
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

        timeout: The longest it may take in all, seconds.

        settle: The longest it waits for the evidence, seconds.

    Raises `HandlerError` for what cannot be run.
    """
    options: dict[str, Any] = {"env": env, "cwd": cwd, "reaper": reaper}
    leave = command(down, **options)
    look = None if until is None else command(until, **options)
    resume = None if up is None else command(up, **options)
    shown = "" if until is None else until[0]

    def carry_through(ctx: Context) -> None:
        leave(ctx)
        if look is not None:
            seen = _look(ctx, look, f"{shown!r} has ended with 0")
            evidence(ctx, seen, f"{shown!r} does not end with 0", limit=settle, every=EVERY_S)

    lasts = lasting and resume is not None
    own = name or leave.__name__
    return Handler(own, carry_through, phase=DRAIN, timeout=timeout, retry=Retry(3), resume=resume, lasting=lasts)


def _look(ctx: Context, run: Callable[[Any], None], said: str) -> Callable[[], str | None]:
    def look() -> str | None:
        try:
            run(_Short(ctx, LOOK_S))
        except CommandFailed:
            return None
        return said

    return look


class _Short:
    """The context of an attempt, for a part of it that takes so many seconds at most."""

    def __init__(self, whole: Context, seconds: float) -> None:
        self._whole = whole
        self._end = whole.remaining() - seconds
        self.cause, self.attempt, self.idempotency_key = whole.cause, whole.attempt, whole.idempotency_key
        self.on_cancel = whole.on_cancel

    def remaining(self) -> float:
        """Return the seconds that the part has left."""
        left = self._whole.remaining()
        return max(0.0, min(left, left - self._end))
