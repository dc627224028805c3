"""`processender check`: say what is wrong with how a process will end, before it is deployed."""

from __future__ import annotations

from collections.abc import Sequence

from ..checking.audit import Audit, audit
from ..checking.files import SHOWN, STDIN, named, read_text
from ..checking.finding import CODES, ERROR, WARNING, Finding, Unreadable, is_severe
from ..core.graph import nearest
from ..core.texts import counted
from . import output
from .options import Options

FOUND = 1
"""The exit code when something was found that is bad enough."""
CANNOT_READ = 2
_USAGE = "processender check [--strict] [--ignore CODE] [--json] FILE|DIR|- ..."
_DESCRIPTION = """\
Say what is wrong with how processes will end: read manifests of Kubernetes (YAML or JSON) and configurations of
ProcessEnder (processender.toml, [tool.processender] in pyproject.toml), and print what does not fit: its place, why it
matters, and what to do. Nothing is started, and no cluster is asked.\
"""
_EPILOG = """\
A comment `# processender: ignore CODE` in the line of a finding, or in the line before, says that it is meant.
Manifests need PyYAML: pip install 'processender[check]'

exit codes: 0 nothing, 1 an error was found (with --strict: or a warning), 2 a file cannot be read, nothing is there to
check, or a mistake in what was given

examples:
  processender check deploy/
  processender check --strict deployment.yaml processender.toml
  helm template shop ./chart | processender check -\
"""


def main(argv: Sequence[str]) -> int:
    """Check what *argv* names and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    for code in options.ignore:
        if code not in CODES:
            parser.error(f"--ignore: there is no finding {code!r}{nearest(code, CODES)}")
    texts, unread = _texts(options.files)
    if not texts and not unread:
        output.complain(f"nothing to check in {', '.join(options.files)}: no manifest and no configuration is there")
        return CANNOT_READ
    made = audit(texts, unread, frozenset(options.ignore))
    if options.json:
        output.say_json(made.as_data())
    else:
        for finding in made.findings:
            output.say(as_text(finding))
        output.say(summary(made))
    for problem in made.unread:
        output.complain(problem)
    if made.unread:
        return CANNOT_READ
    least = WARNING if options.strict else ERROR
    return FOUND if any(is_severe(each, least) for each in made.findings) else 0


def as_text(finding: Finding) -> str:
    """Return *finding* as text for people and for the problem matchers of editors."""
    head = f"{finding.place}: {finding.severity}: {finding.what} [{finding.code}]"
    return f"{head}\n    {finding.subject}: {finding.why}\n    next: {finding.step}"


def summary(made: Audit) -> str:
    """Return how much was checked and found, in one line."""
    counts = [(sum(each.severity == name for each in made.findings), name) for name in ("error", "warning", "note")]
    found = ", ".join(counted(number, name) for number, name in counts if number)
    found = f"{found or 'nothing found'}, {counted(len(made.unread), 'file')} not read" if made.unread else found
    checked = f"{counted(made.workloads, 'workload')}, {counted(made.configurations, 'configuration')}"
    return f"{checked}: {found or 'nothing found'}"


def _texts(paths: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    texts: dict[str, str] = {}
    unread = []
    for path in named(paths):
        try:
            texts[SHOWN if path == STDIN else path] = read_text(path)
        except Unreadable as error:
            unread.append(str(error))
    return texts, unread


def _parser() -> Options:
    parser = Options("check", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=CANNOT_READ)
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="manifests and configurations, directories of them, - for stdin")
    add("--strict", action="store_true", help="leave with 1 for warnings, too")
    add("--ignore", action="append", default=[], metavar="CODE", help="leave out the findings with this code")
    add("--json", action="store_true", help="print data")
    return parser
