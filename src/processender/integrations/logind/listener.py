"""The source that listens to logind, and the handlers that let the machine go on."""

from __future__ import annotations

from collections.abc import Callable

from ...bus import EXTRA, has_client, system_address
from ...core.handler import DRAIN, Handler, Importance
from ...core.notice import Action
from ...core.spans import LONGEST_S
from ...errors import SourceError
from ...hints import Literal
from ...listening import LIMIT_S, Look, Polled
from ...ports import Context
from .manager import Logind

LAST = -1_000_000
"""The priority of what gives the lock back: nothing of the phase comes behind it."""
RETRY_S = 1.0
"""How soon a bus that was lost is looked for again, the first time."""
RELEASE = "release"
HINT = "is systemd-logind there, and the bus of the system in this container?"


def listen(
    *,
    name: str = "logind",
    shutdown: Literal["stop", "drain", "advise"] = "stop",
    sleep: Literal["advise", "drain", "stop"] = "advise",
    scheduled: Literal["advise", "drain", "stop_by"] = "advise",
    beyond: float = 0.0,
    every: float = 10.0,
    endpoint: str = "",
) -> Polled:
    """
    Return the source that listens to logind; nothing is asked before it is started.

    Args:

        name: What it is called in notices and troubles.

        shutdown: What it means that the machine is about to be shut down.

        sleep: What it means that it is about to sleep or hibernate; after `drain`, traffic comes back when it wakes.

        scheduled: What it means that a shutdown is planned for later; `stop_by` ends in time for it.

        beyond: How many seconds more than logind's delay the process has, such as the `TimeoutStopSec` of its unit.

        every: How often it looks for a planned shutdown, seconds.

        endpoint: Where the bus is, as in DBUS_SYSTEM_BUS_ADDRESS, instead of where the bus of the system always is.
    """
    if not every > 0:
        raise SourceError("cannot look without a pause: `every` must be above 0")
    if not 0 <= beyond < LONGEST_S:
        raise SourceError(f"cannot have {beyond:g} s beyond the delay: `beyond` must be between 0 s and a week")
    if not has_client():
        raise SourceError(f"cannot listen to logind: the client of D-Bus is missing; {EXTRA}")
    actions = {"shutdown": Action(shutdown), "sleep": Action(sleep), "scheduled": Action(scheduled)}
    logind = Logind(endpoint or system_address(), actions, every, beyond)
    handlers = [_handler(f"{name}-lock", logind.over, RELEASE)]
    if Action.DRAIN in {actions["shutdown"], actions["sleep"]}:
        handlers.append(_handler(f"{name}-left", logind.left, DRAIN))
    look = Look("manager", logind.see, RETRY_S, every + LIMIT_S)
    return Polled(name, [look], hint=HINT, handlers=handlers, close=logind.close)


def _handler(name: str, call: Callable[[Context], None], phase: str) -> Handler:
    return Handler(name, call, phase=phase, priority=LAST, importance=Importance.SHOULD, expected=0.01)
