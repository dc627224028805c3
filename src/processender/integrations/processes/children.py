"""The children of this process at the end: TERM, a time to end, KILL; none is left, and none is joined for ever."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Sequence

from ...closing import FINISH_S, LeftBehind, share, step
from ...core.handler import Handler
from ...core.texts import counted, listed
from ...hints import Any
from ...identity import Identity, identify, is_alive
from ...patience import check_wait
from ...ports import Context
from .releaser import GRACE_S, end

PRIORITY = -20
"""After the work in flight, which may still need them."""
_GONE_S = 2.0


def stop_children(
    children: Iterable[Any] | Callable[[], Iterable[Any]] | None = None,
    *,
    wait: float = GRACE_S,
    name: str = "children",
    timeout: float | None = FINISH_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `quiesce` and behind the work in flight there, that ends children of this process.

    Args:

        children: A live collection of `multiprocessing.Process` or `subprocess.Popen`, or a function that returns them;
            None for all that `multiprocessing` has started. It is read again until none is left.

        wait: How long they have between TERM and KILL, seconds; never more than half of the time that is left.

    The other options are fields of `Handler`. It raises `LeftBehind`, with their names, when some had to be killed.
    """
    check_wait("wait", wait, GRACE_S, timeout)
    listing = _active if children is None else children

    def stop(ctx: Context) -> None:
        killed: list[str] = []
        # One that is just ending may have started another.
        while ctx.remaining() > 0 and (found := _living(listing() if callable(listing) else list(listing))):
            stubborn = end(list(found), signal.SIGTERM, share(ctx, wait))
            killed += [found[each] for each in stubborn]
            end(stubborn, signal.SIGKILL, min(_GONE_S, ctx.remaining()))
        for child in listing() if callable(listing) else list(listing):
            _reap(child)
        if killed:
            text = f"killed {counted(len(killed), 'process', 'processes')}: {listed(killed)}"
            raise LeftBehind(f"{text}; they did not end within {wait:g} s of TERM")

    return step(name, stop, "quiesce", timeout, after, needs, priority=PRIORITY)


def _active() -> list[Any]:
    module = sys.modules.get("multiprocessing")
    return [] if module is None else list(module.active_children())


def _living(children: Iterable[Any]) -> dict[Identity, str]:
    """Return the children that live, each with its name."""
    found: dict[Identity, str] = {}
    for child in children:
        identity = identify(child.pid) if child.pid else None
        if identity is not None and is_alive(identity):
            found[identity] = f"{_title(child)} (pid {child.pid})"
    return found


def _title(child: Any) -> str:
    command = getattr(child, "args", None)
    if command is None:
        return str(child.name)
    return command if isinstance(command, str) else str(command[0])


def _reap(child: Any) -> None:
    """Take the exit status, so that nothing at the exit of the interpreter waits for it."""
    poll = getattr(child, "poll", None)
    if poll is not None:
        poll()
    else:
        child.join(0)
