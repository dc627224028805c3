"""`processender doctor`: print where this is, how long the end may take here, and from where that is known."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Sequence

from ..agent.decide import decide
from ..agent.durations import format_duration
from ..core.grace import Grace
from ..diagnosis.examination import LIMIT_S, Diagnosis, examine
from ..diagnosis.hearing import Heard
from ..diagnosis.subject import become, this_process
from ..errors import ProcessEnderError
from . import output
from .options import Options

WRONG = 1
"""The exit code when something is wrong."""
_MISTAKE = 2
_WIDTH = 80
_LABEL = 12
_USAGE = "processender doctor [--pid PID] [-c FILE] [--profile NAME] [--offline] [--json]"
_DESCRIPTION = """\
Print which platforms this is and by what sign, who ends processes here and by which signals, how long the window is and
from where that is known, what it is spent on, which sources hear of the end, and what it would take to know it better.
It goes by the environment in which it is started, or by that of the process PID, with the flags and the directory of
the agent that it is. Platforms and sources are waited for two seconds at most, all together; nothing is changed.\
"""
_EPILOG = """\
exit codes: 0 nothing is wrong as far as it is known, 1 something is: the grace is longer than the window, the plan does
not fit into it, or the signal that comes first begins no end, 2 a mistake in what was given

examples:
  processender doctor
  processender doctor --offline -c deploy/processender.toml
  processender doctor --pid $(systemctl show --property=MainPID --value shop)
  kubectl exec deploy/shop -- processender doctor --pid 1 --json\
"""


def main(argv: Sequence[str]) -> int:
    """Print what is found out here and return the exit code."""
    options = _parser().parse_args(argv)
    config = os.path.abspath(options.config) if options.config and options.pid else options.config
    try:
        subject = become(options.pid) if options.pid else this_process()
        flags = {**subject.flags, **({"profile": options.profile} if options.profile else {})}
        config = config or flags.get("config", "")
        names = [each.name for each in subject.platforms]
        settings = decide(config, flags, os.environ, platforms=names)
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE
    found = examine(settings, subject, 0.0 if options.offline else LIMIT_S)
    if options.json:
        output.say_json(found.as_data())
    else:
        output.say(as_text(found))
    return WRONG if found.problems else 0


def as_text(found: Diagnosis) -> str:
    """Return *found* as text for people, 80 columns wide."""
    window = found.plan.window
    platforms = [f"{each.name}: {each.sign}" for each in found.platforms] or ["none is known by its signs"]
    windows = [f"{name}: {_grace(given)}" for name, given in found.windows.items()]
    spent = [f"{name.replace('_', ' ')} {_time(seconds)}" for name, seconds in found.spent.items()]
    meant = [f"{name.removeprefix('SIG')} {what}" for name, what in found.signals.items()]
    parts = [
        _part("platform", platforms),
        _part("profile", [found.profile or "none"]),
        _part("grace", [_grace(found.grace)]),
        _part("window", windows or [found.rule.usual.known_from]),
        _part("counts", [f"{_time(window.length)}, and {_time(window.work)} of it for handlers"]),
        _part("spent on", [", ".join(spent)]),
        _part("signals", [f"{found.rule.sends}", f"here: {', '.join(meant)}"]),
        _part("sources", [_source(each) for each in found.heard] or ["none; signals alone are heard"]),
        _part("wrong", found.problems or ["nothing, as far as it is known"]),
        _part("better", found.steps),
    ]
    return "\n".join(part for part in parts if part)


def _grace(found: Grace) -> str:
    return f"{_time(found.seconds)} {found.kind}: {found.known_from}"


def _source(heard: Heard) -> str:
    name = f"{heard.name} ({heard.listen})" if heard.name else heard.listen
    return f"{name}: {heard.state}: {heard.text}" if heard.text else f"{name}: {heard.state}"


def _time(seconds: float | None) -> str:
    return "without end" if seconds is None else format_duration(seconds)


def _part(label: str, texts: Iterable[str]) -> str:
    """Return *texts*, one below the other behind their *label*; empty for none."""
    lines: list[str] = []
    for text in texts:
        first = " " * _LABEL if lines else f"{label:{_LABEL}}"
        lines += textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=" " * (_LABEL + 2),
                               break_on_hyphens=False)  # fmt: skip
    return "\n".join(lines)


def _parser() -> Options:
    parser = Options("doctor", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    add = parser.add_argument
    add("--pid", type=int, metavar="PID", help="look at this process, such as a running agent, instead of this one")
    add("-c", "--config", metavar="FILE", default="", help="the configuration file of an agent")
    add("--profile", metavar="NAME", default="", help="the profile that holds: a name, none, or auto (by the platform)")
    add("--offline", action="store_true", help="ask nobody: neither a manager nor a metadata service")
    add("--json", action="store_true", help="print data")
    return parser
