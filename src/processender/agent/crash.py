"""After the command has crashed: an account of it, and what the dead of this service have left is released."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence

from ..core.events import Event, Trouble
from ..demand import load
from ..engine.clock import SystemClock
from ..hints import Any
from ..plugins import find_releaser
from ..telemetry.crash import CrashReport, write_crash
from ..telemetry.logs import render
from ..telemetry.state import state_place


class Crash:
    """What the agent does about one crash, in its own time."""

    def __init__(
        self, service: str, environ: Mapping[str, str], window: float, tell: Callable[[Event], object]
    ) -> None:
        """Take the name of the service, the environment, how long recovery may take, and whom to tell."""
        self._service = service
        self._place = state_place(service, environ)
        self._window = window
        self._tell = tell
        self._clock = SystemClock()

    def handle(self, facts: Mapping[str, Any], events: Sequence[Event], *, recover: bool) -> None:
        """Write the account of the crash that *facts* tell of, and *recover*; nothing is raised."""
        if not self._place.path:
            return
        # Most services owe nothing, and a failed command should not wait for the rooms of the journal.
        owes = bool(_names(os.path.join(self._place.path, "journal")))
        for step in (lambda: self._report(facts, events, owes=owes), self._recover if recover and owes else None):
            try:
                if step is not None:
                    step()
            except Exception as error:  # the exit code of the command matters more
                self._complain(f"{error}; run `processender recover`")

    def _report(self, facts: Mapping[str, Any], events: Sequence[Event], *, owes: bool) -> None:
        at = self._clock.wall()
        status = facts["status"]
        report = CrashReport(
            id=f"{int(at * 1000):011x}-{os.urandom(3).hex()}",
            service=self._service,
            cause="signal" if status < 0 else "exit",
            at=round(at, 3),
            pid=facts["pid"],
            command=(facts["program"],),
            exit=128 - status if status < 0 else status,
            signal=_signal_name(-status) if status < 0 else "",
            core=facts["core"],
            events=tuple(_line(event) for event in events),
            obligations=tuple(self._owed()) if owes else (),
        )
        write_crash(self._place.path, report)

    def _owed(self) -> list[dict[str, Any]]:
        found = load("recovering").recover(self._place.path, find_releaser, self._clock, self._window, dry_run=True)
        shown = ("id", "kind", "key", "ref", "job")
        return [{name: getattr(each.obligation, name) for name in shown} for each in found.settled]

    def _recover(self) -> None:
        load("recovering").recover_at_start(self._place.path, find_releaser, self._clock, self._window, self._tell)

    def _complain(self, text: str) -> None:
        self._tell(Trouble(self._clock.now(), "crash", f"cannot do all that follows a crash: {text}"))


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
