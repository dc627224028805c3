"""`processender recover`: settle what a crash has left behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from ..agent.durations import parse_duration
from ..core.events import Event, HandlerEnded
from ..core.obligation import Standing, State
from ..core.outcome import Outcome
from ..crashing import Aftermath
from ..engine.clock import SystemClock
from ..engine.recovery import Settled
from ..errors import ProcessEnderError
from ..hints import Any
from ..plugins import find_releaser
from ..ports import Releaser
from ..recovering import Recovered, recover
from . import output
from .app import find_ender
from .options import Options
from .places import places

SCHEMA = 1
NOT_ALL = 1
"""The exit code when something is still owed by the dead."""
_MISTAKE = 2
ALIVE = 3
"""The exit code when the journal that was named belongs to a process that lives."""
_USAGE = "processender recover [--dry-run] [--service NAME] [--job ID] [--journal DIR] [--app MODULE:ENDER] [--json]"
_DESCRIPTION = """\
Find what processes that died have left behind, and release it: in the order in which things depend on each other, side
by side where they do not. What belongs to a process that lives, stopped or not, is left alone. May be run at any time,
as often as you like, and twice at once.\
"""
_EPILOG = """\
exit codes: 0 nothing is left, 1 something could not be released and is kept, 2 a mistake in what was given,
3 the owner of the journal that was named lives

examples:
  processender recover --dry-run
  processender recover --job build-4711
  processender recover --app shop.service:ender    # with the releasers that the application registers\
"""
UNIT = """\
# Settles at boot what processes that died with the machine have left behind.
[Unit]
Description=Release what crashed processes have left behind
After=local-fs.target network-online.target
Wants=network-online.target
ConditionPathExists=/var/lib/processender

[Service]
Type=oneshot
ExecStart={program} recover --window 5m
TimeoutStartSec=6min

[Install]
WantedBy=multi-user.target
"""


def main(argv: Sequence[str]) -> int:
    """Recover what *argv* asks for and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.print_unit:
        output.say(UNIT.format(program=_program()).rstrip())
        return 0
    try:
        window = parse_duration(options.window)
    except ValueError as error:
        parser.error(f"--window: {error}")
    try:
        find: Callable[[str], Releaser | None] = find_releaser
        if options.app:
            find = find_ender(options.app).find_releaser
        found = {name: _recover(place, find, window, options) for name, place in _places(options).items()}
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE
    if options.json:
        output.say_json(as_data(found))
    else:
        output.say(as_text(found, dry_run=options.dry_run))
    return _exit_code(found, options)


def _program() -> str:
    """Return what starts this command, as a unit must say it."""
    started = os.path.abspath(sys.argv[0])
    return f"{sys.executable} -m processender" if started.endswith("__main__.py") else started


def _places(options: Any) -> dict[str, str]:
    if options.journal:
        # <place>/journal/<owner>
        place = os.path.dirname(os.path.dirname(os.path.realpath(options.journal)))
        return {os.path.basename(place): place}
    return places(options.service)


def _recover(place: str, find: Callable[[str], Releaser | None], window: float, options: Any) -> Recovered:
    if not options.dry_run:
        # The next start tells of it who follows a crash.
        Aftermath(place, os.path.basename(place), find, SystemClock(), window, _ignore).account(told=False)
    progress = [Progress()] if sys.stderr is not None and sys.stderr.isatty() and not options.json else []
    return recover(
        place, find, SystemClock(), window, observers=progress, job=options.job, directory=options.journal,
        dry_run=options.dry_run, found=progress[0].begin if progress else _nothing,
    )  # fmt: skip


def _ignore(_event: Event) -> None:
    """Say nothing: what could not be written is told by the next start."""


def _nothing(_standings: Sequence[Standing]) -> None:
    """Say nothing: nobody looks."""


class Progress:
    """Shows on a terminal how far a recovery has come."""

    def __init__(self) -> None:
        """Nothing is done."""
        self._done = self._all = 0

    def begin(self, standings: Sequence[Standing]) -> None:
        """Say what was found."""
        self._all = len(standings)
        if standings:
            output.complain(f"releasing {self._all} things that the dead have left")

    def observe(self, event: Event) -> None:
        """Say each that has ended."""
        if isinstance(event, HandlerEnded):
            self._done += 1
            how = "released" if event.result.outcome is Outcome.DONE else str(event.result.outcome)
            output.complain(f"[{self._done}/{self._all}] {event.result.handler}: {how}")


def _exit_code(found: dict[str, Recovered], options: Any) -> int:
    if options.journal and any(each.alive for recovered in found.values() for each in recovered.left):
        return ALIVE
    return NOT_ALL if any(recovered.open for recovered in found.values()) else 0


def as_data(found: dict[str, Recovered]) -> dict[str, Any]:
    """Return what was *found* as `--json` prints it."""
    services = {
        name: {
            "obligations": [_one(each) for each in recovered.settled],
            "left_alone": [each.as_dict() for each in recovered.left],
            "troubles": list(recovered.troubles),
        }
        for name, recovered in found.items()
    }
    return {"schema": SCHEMA, "services": services}


def _one(each: Settled) -> dict[str, Any]:
    obligation = each.obligation
    about = {field: getattr(obligation, field) for field in ("id", "kind", "key", "ref", "releaser", "job")}
    outcome = None if each.outcome is None else str(each.outcome)
    return {
        **about,
        "state": str(each.state),
        "outcome": outcome,
        "error": each.error,
        "seconds": round(each.seconds, 3),
    }


def as_text(found: dict[str, Recovered], *, dry_run: bool) -> str:
    """Return what was *found* for a human."""
    rows = [["service", "kind", "what", "job", "outcome"]]
    rows += [
        [name, each.obligation.kind, shown(each.obligation.what), each.obligation.job or "-",
         _word(each, dry_run=dry_run)]
        for name, recovered in found.items() for each in recovered.settled
    ]  # fmt: skip
    lines = [output.table(rows)] if len(rows) > 1 else []
    for name, recovered in found.items():
        lines += [f"left alone: {each.directory}: {each.why}" for each in recovered.left]
        lines += [f"trouble with {name}: {text}" for text in recovered.troubles]
    count = len(rows) - 1
    opened = sum(len(recovered.open) for recovered in found.values())
    if dry_run and count:
        lines.append(f"{count} would be released; nothing was touched")
    elif opened:
        lines.append(
            f"{count - opened} of {count} released; the rest is kept: `processender journal dead` shows what needs you"
        )
    else:
        lines.append(f"{count} released; nothing is left behind" if count else "nothing is left behind")
    return "\n".join(lines)


def _word(each: Settled, *, dry_run: bool) -> str:
    if dry_run:
        return str(each.state)
    return "released" if each.state is State.RELEASED else f"{each.state}: {shown(each.error)}"


def shown(text: str) -> str:
    """Return *text* without what would disturb a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _parser() -> Options:
    parser = Options("recover", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    parser.add_argument("--dry-run", action="store_true", help="look only: print what would be released")
    parser.add_argument("--service", default="", metavar="NAME", help="only what this service has left")
    parser.add_argument("--job", default="", metavar="ID", help="only what belongs to this job, newest first")
    parser.add_argument("--journal", default="", metavar="DIR", help="only this journal")
    parser.add_argument("--app", default="", metavar="MODULE:ENDER", help="the Ender whose releasers are known, too")
    parser.add_argument("--window", default="60s", metavar="TIME", help="how long the whole may take (default 60s)")
    parser.add_argument("--json", action="store_true", help="print data")
    parser.add_argument("--print-unit", action="store_true", help="print a systemd unit that recovers at boot")
    return parser
