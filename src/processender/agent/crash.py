"""After the command has crashed: an account of it, and all that follows a crash."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence

from ..core.crash import CrashReport
from ..core.events import Event, Trouble
from ..core.rendering import render
from ..crashing import Aftermath, Dead, new_id, the_dead
from ..demand import load
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..hints import Any
from ..identity import boot_id
from ..journal.owner import OwnerLock
from ..plugins import find_releaser
from ..telemetry.stacks import take_stacks
from ..telemetry.state import state_place
from .settings import Settings

DELIVERY_S = 2.0
"""How long the account of a crash may take to be delivered, which then waits for the next start: half a reserve."""


class Crash:
    """What the agent does about one crash, in its own time."""

    def __init__(
        self, service: str, environ: Mapping[str, str], settings: Settings, tell: Callable[[Event], object]
    ) -> None:
        """Take the name of the service, the environment, what was decided, and whom to tell."""
        self._service = service
        self._place = state_place(service, environ).path
        self._invocation = environ.get("INVOCATION_ID", "")
        self._tell = tell
        self._clock = SystemClock()
        self._window = settings.crash_grace
        self._recovers = settings.crash_recover
        self._exporters = settings.exporters
        self._aftermath = Aftermath(self._place, service, find_releaser, self._clock, self._window, tell)
        # Most services owe nothing, and a failed command should not wait for the rooms of a recovery.
        self._owes = bool(self._place and _names(os.path.join(self._place, "journal")))
        self._aftermath.recovers = settings.crash_recover and (self._owes or bool(settings.crash_handlers))
        self._aftermath.handlers, self._aftermath.lanes = settings.crash_handlers, settings.lanes

    def handle(self, facts: Mapping[str, Any], events: Sequence[Event]) -> CrashReport:
        """Write the account of the crash that *facts* tell of, do what follows, and return it."""
        others = self._others(facts["pid"])
        places = [*([self._place] if self._owes else ()), *others]
        dead = [each for place in places for each in self._own(place, facts["pid"])]
        report = self._aftermath.follow(self._report(facts, events, [each for each, _ in dead]), dead)
        keep = self._aftermath.unaccounted
        for place in others if self._recovers else ():
            load("recovering").recover_at_start(place, find_releaser, self._clock, self._window, self._tell, keep)
        if self._exporters and self._place:
            # The end is over, if there was one, and its observers with it.
            load("exporting").deliver_within(DELIVERY_S, self._exporters, self._place, self._clock, self._tell)
        return report

    def _own(self, place: str, pid: int) -> list[tuple[Dead, OwnerLock]]:
        """Return what the command has left in *place*; each other that has died there gets an account of its own."""
        boot = boot_id()
        own: list[tuple[Dead, OwnerLock]] = []
        accounts = Aftermath(place, os.path.basename(place), find_releaser, self._clock, self._window, self._tell)
        accounts.unaccounted = self._aftermath.unaccounted
        try:
            for dead, lock in the_dead(place):
                if (dead.pid, dead.boot) == (pid, boot):
                    own.append((dead, lock))
                else:
                    accounts.account_of(dead, lock, told=False)
        except (OSError, ProcessEnderError) as error:
            # Who follows a crash is told of it all the same.
            self._tell(Trouble(self._clock.now(), "crash", f"cannot tell what the command owed: {error}"))
        # The number may have been that of another before; the command is the last that had it.
        last = max((dead.started for dead, _ in own), default=0)
        for dead, lock in own:
            if dead.started != last:
                accounts.account_of(dead, lock, told=False)
        return [each for each in own if each[0].started == last]

    def _others(self, pid: int) -> list[str]:
        """Return the places of other services in which the command has a journal: its Ender may have another name."""
        root = os.path.dirname(self._place)
        found = [os.path.join(root, name) for name in _names(root)] if self._place else []
        ours = [
            place for place in found if any(n.startswith(f"{pid}-") for n in _names(os.path.join(place, "journal")))
        ]
        return [place for place in ours if place != self._place]

    def _report(self, facts: Mapping[str, Any], events: Sequence[Event], dead: Sequence[Dead]) -> CrashReport:
        at = round(self._clock.wall(), 3)
        status, pid = facts["status"], facts["pid"]
        # What the command has written down itself comes before what the agent has seen of its end.
        told = tuple(event for each in dead for event in each.events)
        stacks = "".join(each.stacks for each in dead) or (take_stacks(self._place, pid) if self._place else "")
        return CrashReport(
            id=new_id(at),
            service=self._service,
            cause=facts.get("cause") or ("signal" if status < 0 else "exit"),
            at=at,
            pid=pid,
            command=(facts["program"],),
            exit=None if status is None else 128 - status if status < 0 else status,
            signal=_signal_name(-status) if status is not None and status < 0 else "",
            core=facts["core"],
            restarts=facts.get("restarts", 0),
            invocation=self._invocation,
            events=(*told, *map(_line, events)),
            stacks=stacks,
            obligations=tuple(owed for each in dead for owed in each.obligations),
        )


def _line(event: Event) -> dict[str, Any]:
    _, key, text = render(event)
    return {"at": round(event.at, 6), "key": key, "text": text}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
