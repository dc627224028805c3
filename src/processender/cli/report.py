"""`processender report`: how the shutdowns went, what differs, what became of one of them, and what to change."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from ..accounts.timeline import timeline
from ..archive.advice import Advice, advice
from ..archive.answers import Overview, Question
from ..archive.find import Archive, open_archive
from ..archive.sentences import sentences
from ..core.texts import counted
from ..demand import load
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..hints import Any
from ..screen import screen_of
from ..telemetry.state import state_root
from . import output
from .kept_times import kept_times
from .moments import moment
from .options import Options
from .report_advice import advice_lines
from .report_data import HEAD, advice_data, csv_text, entry_row, last_data, overview_data
from .report_last import last_lines
from .report_nothing import in_short, missing, nothing, unborn
from .report_overview import overview_lines
from .wheres import referred

NOTHING = 1
"""The exit code when no run was found."""
_MISTAKE = 2
_USUAL = "30d"
_PAGE = 1000
"""How many runs are read at once for the CSV."""
_LONG = 4 << 20
"""From how many bytes on it is told how far their reading has come."""
_MOST_SERVICES = 50
"""For how many services something is advised at once."""
_USAGE = """\
processender report [SERVICE] [--since WHEN] [--until WHEN] [--version V] [--zone Z] [--cause C] [--from WHERE]
                          [--last | --id ID | --advise] [--html FILE | --json | --csv]\
"""
_DESCRIPTION = """\
Say how the shutdowns went: the share that was graceful and its trend, what is worse than before or elsewhere by more
than chance, the slowest handlers, what was skipped or timed out, by cause, version and zone. With --last, one of them
second by second. With --advise, which timeouts, importances and graces to change, and why.\
"""
_EPILOG = """\
exit codes: 0 there is something to report, 1 there is no such run, 2 a mistake in what was given

WHEN is a length of time back from now, such as 7d or 12h, or a date in UTC, such as 2026-11-28T11:02. WHERE is a state
directory, a directory that holds those of many nodes, or a PostgreSQL database: its URL, postgresql://..., or
env:NAME or file:PATH, where the URL stands; a command line is no place for a password.

examples:
  processender report
  processender report orders --since 7d
  processender report --last
  processender report --advise
  processender report --html report.html
  processender report --csv --since 2026-11-01 > runs.csv
  processender report --from postgresql://reader@db.example/ends --zone eu-west-1b\
"""


def main(argv: Sequence[str]) -> int:
    """Report what *argv* asks for and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    question = _question(parser, options)
    where = options.where or state_root(os.environ)
    if not (options.where or os.path.isdir(where)):
        output.complain(unborn(where))
        return NOTHING
    try:
        with open_archive(referred(where), progress=Reading().tell) as archive:
            return _Report(options, question, where, archive).show()
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE


class Reading:
    """Tells on a terminal how far the reading of what is new has come; nobody is told of a short one."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._shown = ""

    def tell(self, done: int, whole: int) -> None:
        """Take how many bytes are read, and of how many."""
        if whole < _LONG:
            return
        shown = f"reading what is new: {100 * done // whole} %"
        if shown != self._shown:
            self._shown = shown
            output.complain_in_place(shown, last=done >= whole)


class _Report:
    """One report, from one archive."""

    def __init__(self, options: Any, question: Question, where: str, archive: Archive) -> None:
        self._options = options
        self._question = question
        self._where = where
        self._archive = archive
        self._screen = screen_of(sys.stdout, os.environ)

    def show(self) -> int:
        """Print what is asked for and return the exit code."""
        options = self._options
        if options.csv:
            return self._csv()
        if options.last or options.id:
            return self._last()
        overview = self._archive.overview(self._question)
        if not (overview.counts.runs or overview.counts.cancelled):
            return self._nothing(overview)
        if options.advise:
            self._advise(overview)
        elif options.html:
            self._html(overview)
        elif options.json:
            output.say_json(overview_data(overview))
        else:
            output.say_lines(overview_lines(overview, self._screen), self._screen)
        return 0

    def _last(self) -> int:
        account = self._account()
        if account is None:
            if self._options.id:
                output.complain(missing(self._options.id, self._where))
                return NOTHING
            return self._nothing(self._archive.overview(self._question))
        run = timeline(account)
        if self._options.json:
            output.say_json(last_data(account, run))
        else:
            output.say_lines(last_lines(run, self._screen), self._screen)
        return 0

    def _account(self) -> dict[str, Any] | None:
        """Return the account of the run that is asked for, or of the newest one, in short if it is not kept."""
        if self._options.id:
            return self._archive.account(self._options.id)
        for entry in self._archive.recent(self._question, 1):
            found = self._archive.account(entry.id)
            if found is None:
                output.complain(
                    f"the report of {entry.id} is not kept any more, or was never: this is its line in the archive"
                )
            return in_short(entry) if found is None else found
        return None

    def _csv(self) -> int:
        entries = self._archive.recent(self._question, _PAGE)
        read = output.say(csv_text([HEAD, *map(entry_row, entries)]))
        found = bool(entries)
        while read and len(entries) == _PAGE:
            entries = self._archive.recent(self._question, _PAGE, entries[-1].id)
            read = not entries or output.say(csv_text(map(entry_row, entries)))
        return 0 if found else NOTHING

    def _advise(self, overview: Overview) -> None:
        found: dict[str, Sequence[Advice]] = {}
        for group in overview.services[:_MOST_SERVICES]:
            mine = overview
            if len(overview.services) > 1:
                mine = self._archive.overview(self._question.replace(service=group.name))
            found[group.name] = advice(mine, kept_times(self._where, group.name))
        if self._options.json:
            output.say_json(advice_data(found))
        else:
            runs = {each.name: each.counts.runs for each in overview.services}
            output.say_lines(advice_lines(found, self._screen, runs), self._screen)
        if len(overview.services) > _MOST_SERVICES:
            output.complain(f"{counted(len(overview.services) - _MOST_SERVICES, 'other service')} left out; name one")

    def _html(self, overview: Overview) -> None:
        """Write the page in one go: who looks at it must never see half of it."""
        newest = self._archive.recent(self._question, 1)
        account = self._archive.account(newest[0].id) if newest else None
        path = self._options.html
        parts = load("html").page(overview, account, [each.text for each in sentences(overview)])
        if path == "-":
            output.say("".join(parts))
            return
        draft = f"{path}.new"
        try:
            with open(draft, "w", encoding="utf-8") as file:
                file.writelines(parts)
            os.replace(draft, path)
        except OSError as error:
            raise ProcessEnderError(f"cannot write {path}: {error.strerror}; name another file") from error

    def _nothing(self, overview: Overview) -> int:
        for text in overview.troubles:
            output.complain(text)
        output.complain(nothing(self._archive, self._question, self._where, self._options.since))
        return NOTHING


def _question(parser: Options, options: Any) -> Question:
    """Return what is asked, or say what is wrong with it and leave."""
    if sum(map(bool, (options.html, options.json, options.csv))) > 1:
        parser.error("--html, --json and --csv are three things; choose one")
    if sum(map(bool, (options.last, options.id, options.advise))) > 1:
        parser.error("--last, --id and --advise are three things; choose one")
    if options.csv and (options.last or options.id or options.advise):
        parser.error("--csv lists all runs; for one of them, or for advice, use --json")
    if options.html and (options.id or options.advise):
        parser.error("--html is the overview and the last run; for another run, or for advice, use --json")
    now = SystemClock().wall()
    since = options.since or ("" if options.last or options.id else _USUAL)
    return Question(
        service=options.service,
        since=_instant(parser, "--since", since, now) if since else 0.0,
        until=_instant(parser, "--until", options.until, now) if options.until else float("inf"),
        version=options.version,
        zone=options.zone,
        cause=options.cause,
    )


def _instant(parser: Options, name: str, text: str, now: float) -> float:
    try:
        return moment(text, now)
    except ValueError as error:
        parser.error(f"{name}: {error}")


def _parser() -> Options:
    parser = Options("report", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    add: Callable[..., Any] = parser.add_argument
    add("service", nargs="?", default="", metavar="SERVICE", help="only the runs of this service")
    add("--since", default="", metavar="WHEN", help=f"only later ones (default {_USUAL}; with --last and --id, any)")
    add("--until", default="", metavar="WHEN", help="only earlier ones")
    add("--version", default="", metavar="V", help="only those of this version")
    add("--zone", default="", metavar="Z", help="only those in this zone")
    add("--cause", default="", metavar="C", help="only those with this cause, such as SIGTERM or spot")
    add("--from", default="", dest="where", metavar="WHERE", help="where the runs are (default: the state directory)")
    add("--last", action="store_true", help="show the last run as a timeline")
    add("--id", default="", metavar="ID", help="show this run as a timeline")
    add("--advise", action="store_true", help="say what to change, and why")
    add("--html", default="", metavar="FILE", help="write one page with the overview and the last run; - prints it")
    add("--json", action="store_true", help="print data")
    add("--csv", action="store_true", help="print a line of CSV for each run, the newest first")
    return parser
