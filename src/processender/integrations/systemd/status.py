"""What `systemctl status` says of a unit while it ends: one sentence for each step."""

from __future__ import annotations

import os

from ...core.events import AttemptStarted, Drained, Event, PlanChanged, RunEnded, RunStarted, RunWithdrawn, Waiting
from ...core.labels import in_line, printable
from ...errors import HandlerError
from ...hints import TYPE_CHECKING
from .notify import VARIABLE, Manager

if TYPE_CHECKING:
    from collections.abc import Mapping


class StatusObserver:
    """
    Tells the manager of the unit how the end goes: `Ender("orders", observers=[StatusObserver()])`.

    It is for the main process of the unit alone, since what it says is said of the whole unit; under an agent, which is
    that process, the agent passes the sentences on. It never says STOPPING=1: a manager that did not ask for the end
    would begin to count TimeoutStopSec. One that does not listen holds up nothing.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Take the address from *environ*; raise `HandlerError` where NOTIFY_SOCKET is not set: no manager listens."""
        address = (os.environ if environ is None else environ).get(VARIABLE, "")
        if not address:
            text = f"cannot tell systemd how the end goes: {VARIABLE} is not set"
            raise HandlerError(f"{text}; run as a unit with Type=notify or NotifyAccess=main")
        self._manager = Manager(address)

    def observe(self, event: Event) -> None:
        """Tell of one event, where there is something to say."""
        text = status_of(event)
        if text:
            self._manager.status(text)

    def close(self) -> None:
        """Give the socket back."""
        self._manager.close()


def status_of(event: Event) -> str:  # noqa: PLR0911 - one case for each event
    """Return what *event* means for who looks at the unit, in a sentence; empty where that is nothing new."""
    match event:
        case RunStarted(notice=notice, plan=plan):
            verb = "ending" if notice.ends else "draining"
            return f"{verb} ({notice.cause}), within {_left(plan.window.hard, event.at)}"
        case PlanChanged(plan=plan):
            return f"ending, within {_left(plan.window.hard, event.at)}"
        case AttemptStarted(handler=handler, attempt=attempt, deadline=deadline):
            again = f", attempt {attempt}" if attempt > 1 else ""
            return f"ending: {printable(handler)}{again}, within {_left(deadline, event.at)}"
        case Waiting(what=what, more=more):
            return f"ending: waiting for {len(what) + more} in flight: {in_line(what, more, 3)}"
        case Drained():
            return "drained"
        case RunWithdrawn(notice=notice):
            return f"the end is taken back by {printable(notice.who)}"
        case RunEnded(verdict=verdict, seconds=seconds):
            return f"ended {verdict} after {seconds:.2f} s"
        case _:
            return ""


def _left(until: float, now: float) -> str:
    return f"{max(0.0, until - now):.1f} s"
