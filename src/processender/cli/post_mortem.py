"""`processender post-mortem`: what follows the end of a unit when its agent could not see to it any more."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..agent.decide import decide
from ..agent.durations import parse_duration
from ..agent.errors import ConfigError
from ..agent.settings import Settings
from ..core.crash import CrashReport
from ..core.obligation import State
from ..crashing import Aftermath, Dead, new_id, the_dead
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..integrations.systemd.end import UnitEnd
from ..plugins import find_releaser
from ..recovering import Recovered, recover
from ..telemetry.crash import crashes_of
from ..telemetry.state import SYSTEM, state_place, state_root
from . import output
from .options import Options
from .places import places
from .recovered import as_data, shown

SCHEMA = 1
NOT_ALL = 1
"""The exit code when something is still owed by the dead."""
_MISTAKE = 2
_LEAST_S = 1.0
MARK = "unit.ended"
"""The key of the event that tells an account that was made here."""
_USAGE = "processender post-mortem [--service NAME] [-c FILE] [--window TIME] [--json]"
_DESCRIPTION = """\
Say why a unit of systemd has ended, and clean up: where its agent was cut off (by the watchdog, by SIGKILL, by a time
limit, for want of memory) write the account of the crash and run what `on_crash` says; then release what its dead
processes have left. For ExecStopPost=, or for a unit that OnFailure= starts.\
"""
_EPILOG = """\
Without a word from systemd, and with --service, it only releases.

exit codes: 0 nothing is left, 1 something could not be released and is kept, 2 a mistake in what was given

reads SERVICE_RESULT, EXIT_CODE, EXIT_STATUS and INVOCATION_ID, or those that begin with MONITOR_; never fails because
of what they say

examples:
  ExecStopPost=/usr/bin/processender post-mortem --service shop
  ExecStart=/usr/bin/processender post-mortem --service %i       # in a unit that OnFailure= starts\
"""


def main(argv: Sequence[str]) -> int:
    """Do what follows the end of the unit and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        window = parse_duration(options.window)
    except ValueError as error:
        parser.error(f"--window: {error}")
    end = UnitEnd.read(os.environ) or (UnitEnd("unknown") if options.service else None)
    if end is None:
        text = "cannot tell how the unit has ended: SERVICE_RESULT is not set"
        parser.error(f"{text}; this is a command for ExecStopPost= or OnFailure= of a systemd unit")
    service = (options.service or end.unit).removesuffix(".service")
    if not service:
        parser.error("cannot tell whose end it is: say --service NAME, as `processender run --service NAME` does")
    try:
        report, found = _Inquest(service, end, _settings(options.config), window).hold()
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE
    if options.json:
        crash = None if report is None else report.as_dict()
        output.say_json({**as_data(found), "schema": SCHEMA, "service": service, "end": end.as_dict(), "crash": crash})
    else:
        output.say(f"{service}: {end.summary}")
        if report is not None:
            output.say(f"account: {report.path or 'it could not be written'}")
        for each in (each for recovered in found.values() for each in recovered.settled):
            how = "released" if each.state is State.RELEASED else f"{each.state}: {shown(each.error)}"
            output.say(f"{shown(each.obligation.what)}: {how}")
        for text in (text for recovered in found.values() for text in recovered.troubles):
            output.complain(text)
    return NOT_ALL if any(recovered.open or recovered.troubles for recovered in found.values()) else 0


def _settings(path: str) -> Settings:
    try:
        return decide(path, {}, os.environ)
    except ConfigError as error:
        # What has died must be seen to, whatever its file says by now.
        output.complain(f"cannot run what on_crash says: {error}")
        return Settings()


class _Inquest:
    """What is found out about one end."""

    def __init__(self, service: str, end: UnitEnd, settings: Settings, window: float) -> None:
        self._service = service
        self._end = end
        self._clock = SystemClock()
        self._window = window
        self._settings = settings
        place = state_place(service, os.environ)
        if not place.path:
            raise ProcessEnderError(place.trouble)
        self._place = place.path

    def hold(self) -> tuple[CrashReport | None, dict[str, Recovered]]:
        """Return the account, if one was due, and what became of what the dead have left."""
        aftermath = self._aftermath(self._service, self._place)
        aftermath.handlers, aftermath.lanes = self._settings.crash_handlers, self._settings.lanes
        # What is released below is told by name; who follows a crash may want it to be done before.
        aftermath.recovers = self._settings.crash_recover and bool(aftermath.handlers)
        report = None
        if self._due():
            dead = list(the_dead(self._place))
            report = aftermath.follow(self._report([each for each, _ in dead]), dead)
        return report, self._recover() if self._settings.crash_recover else {}

    def _aftermath(self, service: str, place: str) -> Aftermath:
        return Aftermath(place, service, find_releaser, self._clock, self._window, output.complain_of)

    def _recover(self) -> dict[str, Recovered]:
        mine = {self._service: self._place}
        # Its command may have kept a journal under another name.
        others = places() if state_root(os.environ) != SYSTEM else {}
        ours = {name: place for name, place in others.items() if place != self._place}
        until = self._clock.now() + self._window
        found = {}
        for name, place in {**mine, **ours}.items():
            rest = self._aftermath(name, place)
            # The next start tells of it who follows a crash.
            rest.account(told=False)
            window = max(_LEAST_S, until - self._clock.now())
            found[name] = recover(place, find_releaser, self._clock, window, keep=rest.unaccounted)
        return found

    def _due(self) -> bool:
        """Tell whether nobody else could account for this end."""
        known = crashes_of(self._place, self._end.invocation)
        if any(event.get("key") == MARK for each in known for event in each.events):
            return False
        # An agent that left by itself has told of its command's crash; of what it was made to leave for, it knows not.
        return self._end.silent or (self._end.result in {"watchdog", "timeout"} and not known)

    def _report(self, dead: Sequence[Dead]) -> CrashReport:
        end, at = self._end, round(self._clock.wall(), 3)
        told = {"key": MARK, "text": f"the unit has ended: {end.summary}"}
        died = [each for each in dead if not each.tracked]
        return CrashReport(
            id=new_id(at),
            service=self._service,
            cause=end.cause,
            at=at,
            pid=died[0].pid if died else 0,
            exit=int(end.status) if end.how == "exited" and end.status.isdigit() else None,
            signal=end.signal,
            core=end.how == "dumped",
            invocation=end.invocation,
            events=(*(event for each in dead for event in each.events), told),
            stacks="".join(each.stacks for each in dead),
            obligations=tuple(owed for each in dead for owed in each.obligations),
        )


def _parser() -> Options:
    parser = Options("post-mortem", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    parser.add_argument("--service", default="", metavar="NAME", help="the service of the agent (default: the unit's)")
    parser.add_argument("-c", "--config", default="", metavar="FILE", help="the configuration, for on_crash")
    parser.add_argument("--window", default="30s", metavar="TIME", help="how long the recovery may take (default 30s)")
    parser.add_argument("--json", action="store_true", help="print data")
    return parser
