"""`processender unit`: print a systemd unit for a command."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..agent.decide import decide
from ..agent.durations import parse_duration
from ..errors import ProcessEnderError
from ..hints import Any
from . import output
from .options import Options
from .units import of_failure, of_service, this_program

_MISTAKE = 2
_USAGE = "processender unit [OPTIONS] -- COMMAND [ARGUMENT ...]\n       processender unit --failure"
_DESCRIPTION = """\
Print a unit of systemd in which the agent runs COMMAND: it tells systemd how it goes, ends COMMAND well in its time,
and what dies without a word is cleaned up after by `processender post-mortem`. With --failure: print the unit that
OnFailure= of all of them starts.\
"""
_EPILOG = """\
exit codes: 0 the unit is printed, 2 a mistake in what was given

examples:
  processender unit -- /srv/shop/server
  processender unit --service shop --grace 20s --watchdog 30s -- /srv/shop/server --port 80 \\
    > /etc/systemd/system/shop.service
  processender unit --failure > /etc/systemd/system/processender-failure@.service\
"""


def main(argv: Sequence[str]) -> int:
    """Print the unit that *argv* asks for and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.failure:
        if options.command:
            parser.error("--failure: this unit is one for all services; leave the command out")
        output.say(of_failure(options.program))
        return 0
    if not options.command:
        parser.error("there is no command; put one behind the --, like `processender unit -- /srv/shop/server`")
    service = options.service or os.path.basename(options.command[0])
    if not service.replace("-", "").replace("_", "").isalnum() or not service.isascii():
        parser.error(f"--service: {service!r} cannot be the name of a unit; use letters, digits, - and _")
    watchdog = _watchdog(options.watchdog, parser)
    try:
        path = os.path.abspath(options.config) if options.config else os.devnull
        settings = decide(path, {"grace": options.grace}, {}, platforms=("systemd",))
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE
    output.say(_unit(options, service, settings.grace, watchdog))
    return 0


def _watchdog(text: str, parser: Options) -> float:
    """Return the seconds that *text* says, 0 for none."""
    if text in {"own", "pass"}:
        flag = " and --watchdog-pass" if text == "pass" else ""
        parser.error(f"--watchdog: {text!r} is what `run` takes; here use --watchdog TIME{flag}")
    try:
        return parse_duration(text) if text else 0.0
    except ValueError as error:
        parser.error(f"--watchdog: {error}")


def _unit(options: Any, service: str, grace: float, watchdog: float) -> str:
    flags = ["--grace", options.grace] if options.grace else []
    flags += ["--ready", "notify"] if options.ready == "notify" else []
    flags += ["--on-signal", "HUP:forward"] if options.reload else []
    flags += ["--watchdog", "pass"] if options.watchdog_pass else []
    lines = [f"User={options.user}"] if options.user else []
    if options.user:
        # What died with the host nobody else may release: what belongs to a user is left alone by everybody else.
        lines.append(f"ExecStartPre=-{options.program or this_program()} recover")
    lines += ["ExecReload=/bin/kill -HUP $MAINPID"] if options.reload else []
    lines += [f"WatchdogSec={watchdog:g}"] if watchdog else []
    return of_service(
        service, options.command, flags=flags, lines=lines, grace=grace, own_user=bool(options.user),
        config=["--config", os.path.abspath(options.config)] if options.config else [], program=options.program,
    )  # fmt: skip


def _parser() -> Options:
    parser = Options("unit", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="what the agent starts")
    parser.add_argument("--service", default="", metavar="NAME", help="the name (default: that of COMMAND)")
    parser.add_argument("-c", "--config", default="", metavar="FILE", help="the configuration of the agent")
    parser.add_argument("--grace", default="", metavar="TIME", help="the whole time to end (default: 30s)")
    parser.add_argument("--user", default="", metavar="NAME", help="who runs it")
    parser.add_argument("--ready", default="started", choices=("started", "notify"), help="see `run --help`")
    parser.add_argument("--watchdog", default="", metavar="TIME", help="end the service when its agent hangs that long")
    parser.add_argument("--watchdog-pass", action="store_true", help="or when COMMAND, which must feed it too, does")
    parser.add_argument("--reload", action="store_true", help="let `systemctl reload` send COMMAND a HUP")
    parser.add_argument("--failure", action="store_true", help="print what OnFailure= starts, for all services")
    parser.add_argument("--program", default="", metavar="PATH", help="where processender is (default: this one)")
    return parser
