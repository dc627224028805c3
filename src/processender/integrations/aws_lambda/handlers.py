"""What the end of a sandbox is for: state put away by one write, telemetry sent, and an empty /tmp."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence

from ...closing import LAST, step
from ...core.handler import Handler, Importance
from ...errors import Permanent
from ...hints import Any
from ...paths import sweep
from ...ports import Context
from .places import STATE

FLUSH_S = 0.1
"""How long it usually takes to send what is left of telemetry, seconds."""
_PART = 0.8
"""The part of its time that a flush is given; in the rest it can still say that it has failed."""
_LATE = LAST + 1
_SHOWN = 10
_STATE = os.path.basename(STATE)


def save_in_one(
    save: Callable[[Mapping[str, Any]], object],
    parts: Mapping[str, Callable[[], Any]],
    *,
    name: str = "save",
    timeout: float | None = None,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `flush`, that asks every part for its state and puts all of it away by one write.

    There is time for one round trip, not for one to each part. A part that fails is named and does not hold up the
    others, which are saved; then the handler fails.

    Args:

        save: Puts the states away, such as `ender.save_many`, under these names.

        parts: What returns the state of each part, by its name.

    The other options are fields of `Handler`.
    """

    def call(ctx: Context) -> None:
        states, broken = {}, []
        for part, state in parts.items():
            try:
                states[part] = state()
            except Exception as error:  # the others matter as much
                broken.append(f"{part} ({error!r})")
        if states:
            save(states)
            ctx.note(f"saved {', '.join(states)}")
        if broken:
            raise Permanent(f"no state was had from {', '.join(broken)}")

    return step(name, call, "flush", timeout, after, needs, importance=Importance.MUST)


def flush_telemetry(
    flush: Callable[[int], object],
    *,
    expected: float = FLUSH_S,
    name: str = "telemetry",
    timeout: float | None = None,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `release`, that sends what telemetry has gathered, in the time that there is.

    It comes last but for `empty_tmp`, so that what the other handlers have measured is sent too. It fails if it is told
    that not all was sent, and is left alone when its time is up.

    Args:

        flush: Sends, and takes the milliseconds that it may take, like `provider.force_flush` of OpenTelemetry.

        expected: How long that usually takes, seconds, which nothing before it can take.

    The other options are fields of `Handler`.
    """

    def call(ctx: Context) -> None:
        limit = max(0.001, ctx.remaining() * _PART)
        # A flush returns False when its time was up; other ways to do it return nothing.
        if ctx.call("the collector of telemetry", lambda: flush(int(limit * 1000))) is False:
            raise TimeoutError(f"not all telemetry was sent within {limit:.2f} s")

    return step(name, call, "release", timeout, after, needs, importance=Importance.MUST, expected=expected,
                priority=_LATE)  # fmt: skip


def empty_tmp(
    path: str = "/tmp",  # noqa: S108 - it is the one of the sandbox, which nobody else has
    *,
    keep: Collection[str] = (_STATE,),
    name: str = "empty-tmp",
    timeout: float | None = None,
) -> Handler:
    """
    Return the handler, the last of the phase `release`, that removes what is in the directory of the sandbox.

    No link is followed and no other file system entered. What cannot be removed, or for which there was no time, is
    named and does not hold up the rest. An extension beside the function shares the directory: keep what is its own.

    Args:

        path: The directory, which stays itself.

        keep: The names in it that stay; by default that of the reports.

    The other options are fields of `Handler`.
    """

    def call(ctx: Context) -> None:
        gone, left = sweep(path, keep, lambda: ctx.remaining() > 0)
        ctx.note(f"removed {gone} from {path}")
        if left:
            raise Permanent(f"{len(left)} are still in {path}: {', '.join(left[:_SHOWN])}")

    return step(name, call, "release", timeout, (), (), importance=Importance.MAY, priority=LAST)
