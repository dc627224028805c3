"""`processender recover`: settle what a crash has left behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from ..agent.durations import parse_duration
from ..core.obligation import Standing
from ..crashing import Aftermath
from ..engine.clock import SystemClock
from ..errors import JournalError, ProcessEnderError
from ..hints import Any
from ..journal.liveness import is_journal
from ..keepers import Releaser
from ..looking import journal_root
from ..plugins import find_releaser
from ..recovering import Recovered, recover
from . import output
from .app import find_ender
from .options import Options
from .places import places
from .recovered import Progress, as_data, as_text, exit_code
from .units import of_recovery

_MISTAKE = 2
_USAGE = "processender recover [--dry-run] [--service NAME] [--job ID] [--journal DIR] [--app MODULE:ENDER] [--json]"
_DESCRIPTION = """\
Find what processes that died have left behind, and release it: in the order in which things depend on each other, side
by side where they do not. What belongs to a process that lives, stopped or not, is left alone. May be run at any time,
as often as you like, and twice at once.\
"""
_EPILOG = """\
exit codes: 0 nothing that was asked for is left, 1 something could not be released and is kept, or a journal could not
be read (with --dry-run: there is something to release), 2 a mistake in what was given, 3 the owner of the journal that
was named lives

examples:
  processender recover --dry-run
  processender recover --job build-4711
  processender recover --app shop.service:ender    # with the releasers that the application registers\
"""


def main(argv: Sequence[str]) -> int:
    """Recover what *argv* asks for and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.print_unit:
        output.say(of_recovery())
        return 0
    try:
        window = parse_duration(options.window)
    except ValueError as error:
        parser.error(f"--window: {error}")
    try:
        find: Callable[[str], Releaser | None] = find_releaser
        if options.app:
            find = find_ender(options.app).find_releaser
        chosen = _places(options)
        found = {name: _recover_one(place, find, window, options) for name, place in chosen.items()}
        if options.json:
            output.say_json(as_data(found))
        else:
            output.say(as_text(found, options, find, chosen))
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE
    return exit_code(found, options)


def _places(options: Any) -> dict[str, str]:
    if options.journal:
        # <place>/journal/<owner>
        options.journal = os.path.realpath(options.journal)
        place = os.path.dirname(os.path.dirname(options.journal))
        if os.path.dirname(options.journal) != journal_root(place) or not is_journal(options.journal):
            text = f"there is no journal {options.journal!r}"
            raise ProcessEnderError(f"{text}; `processender journal ls` lists them")
        return {os.path.basename(place): place}
    return places(options.service)


def _recover_one(place: str, find: Callable[[str], Releaser | None], window: float, options: Any) -> Recovered:
    """Recover one service; what is wrong with it keeps no other from being recovered."""
    try:
        return _recover(place, find, window, options)
    except JournalError as error:
        return Recovered(troubles=(str(error),))


def _recover(place: str, find: Callable[[str], Releaser | None], window: float, options: Any) -> Recovered:
    keep: set[str] = set()
    if not options.dry_run:
        # The next start tells of it who follows a crash.
        aftermath = Aftermath(place, os.path.basename(place), find, SystemClock(), window, output.complain_of)
        aftermath.account(told=False, directory=options.journal)
        keep = aftermath.unaccounted
    progress = [Progress()] if sys.stderr is not None and sys.stderr.isatty() and not options.json else []
    return recover(
        place, find, SystemClock(), window, observers=progress, job=options.job, directory=options.journal,
        dry_run=options.dry_run, found=progress[0].begin if progress else _nothing, keep=keep,
    )  # fmt: skip


def _nothing(_standings: Sequence[Standing]) -> None:
    """Say nothing: nobody looks."""


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
