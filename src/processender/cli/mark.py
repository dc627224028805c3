"""`processender mark`: note a deployment or an incident, which a report then draws and compares with."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..accounts.entry import LONGEST, mark_line
from ..accounts.reading import MARKS, Line
from ..archive.days import instant_of
from ..archive.lines import mark
from ..demand import load
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..telemetry.state import state_place
from . import output
from .moments import moment
from .options import Options
from .wheres import referred

FOR_ALL = "marks"
"""The name of the directory, beside those of the services, of the marks that are for all of them."""
_MISTAKE = 2
_USAGE = "processender mark deployment|incident TEXT [--service NAME] [--at WHEN] [--to WHERE]"
_DESCRIPTION = """\
Note that something was deployed, or that something happened. `processender report` draws it below the days, and names
it where the shutdowns become worse, or better, from that day on. A deployment need not be marked where the service
tells its version, or OTEL_RESOURCE_ATTRIBUTES its version or deployment: that is seen.\
"""
_EPILOG = """\
exit codes: 0 it is noted, 2 a mistake in what was given, or it cannot be written

WHEN is a length of time back from now, such as 2h, or a date in UTC, such as 2026-11-28T11:02. WHERE is a PostgreSQL
database with the runs of many hosts: its URL, postgresql://..., or env:NAME or file:PATH, where the URL stands.

examples:
  processender mark deployment v1.4.2
  processender mark deployment v1.4.2 --service orders
  processender mark incident "broker away" --at 2h
  processender mark deployment v1.4.2 --to env:REPORT_DATABASE\
"""


def main(argv: Sequence[str]) -> int:
    """Note what *argv* says and return the exit code."""
    parser = Options("mark", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    parser.add_argument("kind", choices=MARKS, metavar="|".join(MARKS), help="what it is")
    parser.add_argument("text", metavar="TEXT", help=f"its name, such as a version; at most {LONGEST} characters")
    parser.add_argument("--service", default="", metavar="NAME", help="of which service (default: of all)")
    parser.add_argument("--at", default="now", metavar="WHEN", help="when it was (default: now)")
    parser.add_argument("--to", default="", metavar="WHERE", help="the archive (default: that of this host)")
    options = parser.parse_args(argv)
    text = options.text.strip()
    if not text or len(text) > LONGEST:
        parser.error(f"TEXT: {len(text)} characters; write one to {LONGEST}")
    try:
        at = moment(options.at, SystemClock().wall())
    except ValueError as error:
        parser.error(f"--at: {error}")
    try:
        if options.to:
            postgres = load("archive.postgres")
            line = Line(mark_line(options.kind, text, at, options.service))
            postgres.add_mark(postgres.connected(referred(options.to)), line)
        else:
            _note(options.kind, text, at, options.service)
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE
    whose = options.service or "all services"
    output.say(f"{options.kind} {text} at {instant_of(at)} UTC, of {whose}")
    return 0


def _note(kind: str, text: str, at: float, service: str) -> None:
    place = state_place(service or FOR_ALL, os.environ)
    if not place.path:
        raise ProcessEnderError(place.trouble)
    try:
        mark(place.path, kind, text, at, service)
    except OSError as error:
        raise ProcessEnderError(f"cannot note it: {error.strerror}; make room, or set PROCESSENDER_STATE") from error
