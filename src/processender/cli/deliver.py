"""`processender deliver`: send what exporters have not delivered yet."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ..agent.decide import decide
from ..agent.durations import parse_duration
from ..core.texts import counted
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..exporting import Delivery
from ..hints import Any
from ..ports import Exporter
from ..telemetry.outbox import Outbox, outboxes
from ..telemetry.state import file_name
from . import output
from .app import find_ender
from .options import Options
from .places import places

_LEFT, _MISTAKE = 1, 2
_USAGE = (
    "processender deliver [--service NAME] [-c FILE [--profile NAME] | --app MODULE:ENDER] [--again] [--within TIME] "
    "[--json]"
)
_DESCRIPTION = """\
Send the accounts of earlier ends, and of crashes, that could not be delivered: the collector was not there, or the
process was killed. The exporters are those of the configuration, or of an application. May be run at any time; what a
living process still works on is left to it.\
"""
_EPILOG = """\
exit codes: 0 nothing is left that could be sent, 1 something is left, 2 a mistake in what was given

examples:
  processender deliver
  processender deliver --app shop.service:ender
  processender deliver --again    # also what was put aside because nobody would take it\
"""


def main(argv: Sequence[str]) -> int:
    """Deliver what *argv* asks for and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.app and options.config:
        parser.error("--app and --config name two sets of exporters; choose one")
    try:
        seconds = parse_duration(options.within)
    except ValueError as error:
        parser.error(f"--within: {error}")
    try:
        exporters = {file_name(each.name): each for each in _exporters(options)}
        found = [
            _deliver(service, place, name, exporters, options, seconds)
            for service, place in places(options.service).items()
            for name in outboxes(place)
        ]
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE
    if options.json:
        output.say_json(found)
    else:
        output.say("\n".join(_line(each) for each in found) or "nothing has ever waited")
    return _LEFT if any(each["left"] for each in found) else 0


def _exporters(options: Any) -> Sequence[Exporter]:
    if options.app:
        return find_ender(options.app).exporters
    return decide(options.config, {"profile": options.profile}, os.environ).exporters


def _deliver(
    service: str, place: str, name: str, exporters: Mapping[str, Exporter], options: Any, seconds: float
) -> dict[str, Any]:
    """Deliver what waits in one outbox, and return what became of it."""
    outbox = Outbox(place, name)
    exporter = exporters.get(name)
    delivered: int | None = 0
    if exporter is not None:
        if options.again:
            outbox.recall()
        clock = SystemClock()
        delivery = Delivery(exporter, place, clock, output.complain_of)
        delivered = delivery.deliver(seconds=seconds, wait=False)
    return {
        "service": service,
        "exporter": name,
        "known": exporter is not None,
        "busy": delivered is None,
        "delivered": delivered or 0,
        "left": len(outbox.waiting()),
    }


def _line(found: Mapping[str, Any]) -> str:
    who = f"{found['service']}: {found['exporter']}"
    left = f"{counted(found['left'], 'account')} left"
    if not found["known"]:
        why = ", and nobody here knows this exporter; name its configuration by -c, or the application by --app"
        return f"{who}: {left}{why if found['left'] else ''}"
    if found["busy"]:
        return f"{who}: another process delivers just now"
    return f"{who}: {found['delivered']} delivered, {left}"


def _parser() -> Options:
    parser = Options("deliver", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    parser.add_argument("--service", default="", metavar="NAME", help="only what this service has left")
    parser.add_argument("-c", "--config", default="", metavar="FILE", help="the configuration (default: as for run)")
    parser.add_argument("--profile", default="", metavar="NAME", help="the profile that holds")
    parser.add_argument("--app", default="", metavar="MODULE:ENDER", help="the Ender whose exporters they are")
    parser.add_argument("--again", action="store_true", help="also what was put aside because nobody would take it")
    parser.add_argument("--within", default="60s", metavar="TIME", help="how long one exporter may take (default 60s)")
    parser.add_argument("--json", action="store_true", help="print data")
    return parser
