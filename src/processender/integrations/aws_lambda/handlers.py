"""What the end of a sandbox is for: state put away by one write, and a /tmp that holds nothing any more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence

from ...closing import LAST, step
from ...core.handler import Handler, Importance
from ...errors import Permanent
from ...hints import Any
from ...ports import Context


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


def empty_tmp(
    path: str = "/tmp",  # noqa: S108 - it is the one of the sandbox, which nobody else has
    *,
    keep: Collection[str] = ("processender",),
    name: str = "empty-tmp",
    timeout: float | None = None,
) -> Handler:
    """
    Return the handler, the last of the phase `release`, that removes what is in the directory of the sandbox.

    Args:

        path: The directory, which stays itself.

        keep: The names in it that stay, such as that of the reports.

    The other options are fields of `Handler`.
    """

    def call(ctx: Context) -> None:
        gone, stuck = 0, []
        for entry in sorted(os.listdir(path)):
            if entry in keep:
                continue
            if ctx.remaining() <= 0:
                stuck.append(entry)
                continue
            try:
                _remove(os.path.join(path, entry))
                gone += 1
            except OSError as error:
                stuck.append(f"{entry} ({error.strerror or error})")
        ctx.note(f"removed {gone} from {path}")
        if stuck:
            raise Permanent(f"these are still in {path}: {', '.join(stuck[:10])}")

    return step(name, call, "release", timeout, (), (), importance=Importance.MAY, priority=LAST)


def _remove(path: str) -> None:
    """Remove a file, a link, or a directory with what is in it; never what a link leads to."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
