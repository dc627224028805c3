"""`processender rehearse`: start a program, load it, end it, and say whether the end was good, many times over."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Sequence

from ..demand import load
from ..errors import ProcessEnderError
from ..hints import Any
from . import output
from .options import Options

FAILED = 1
"""The exit code when something is wrong with the end."""
_MISTAKE = 2
_INTERRUPTED = 130
_FLAGS = {key: f"--{key.replace('_', '-')}" for key in
    ("ready", "start_within", "window", "platform", "seeds", "jobs", "order", "needs", "state", "assert")}  # fmt: skip
"""By which flags the keys of the table are given."""
_USAGE = "processender rehearse [FILE] [OPTIONS] [-- COMMAND [ARGUMENT ...]]"
_DESCRIPTION = """\
Start the program, put load on it, bring it to its end as the script says (TERM, if there is none), with faults if some
are named, and say whether the end was good: no request lost, the handlers in order, what must be done done, nothing
left behind, all inside the window, the right exit code, and, if asked, the same state when a handler runs twice. All of
it again for each seed. In COMMAND and in URLs {port} is a free port, {probe_port} another, {work} a directory of the
run's own, and {seed} its seed. The rest is said in the table [rehearsal] of FILE, a processender.toml.\
"""
_EPILOG = """\
faults:  NAME fails [N] | NAME hangs | NAME slow TIME | NAME twice | NAME killed [TIME], of a handler; kill at EVENT;
         disk full; UPSTREAM black-hole | reset | half-open | refuse | latency=TIME, of [rehearsal.upstreams]

exit codes: 0 every end was good, 1 one was not, or the program does not start, 2 a mistake in what was given

examples:
  processender rehearse --url http://127.0.0.1:{port}/ -- uvicorn app:app --port {port}
  processender rehearse --seeds 100 --fault 'flush slow 0s..2s' --order drain,flush --junit rehearsal.xml
  processender rehearse processender.toml --scenario db-gone --seed 17\
"""


def main(argv: Sequence[str]) -> int:
    """Rehearse what *argv* says and return the exit code."""
    words, command = list(argv), []
    if "--" in words:
        at = words.index("--")
        words, command = words[:at], words[at + 1 :]
    parser = _parser()
    options = parser.parse_args(words)
    # A runner of CI that gives up sends it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        reading = load("rehearsal.reading")
        rehearsal = reading.read(options.file, _changes(options, command), options.seed, options.scenario, _FLAGS)
        verdict = load("rehearsal.holding").hold(rehearsal, _Progress(sys.stderr, quiet=options.json))
        _show(options, verdict, lambda scenario, seed: _again(options, command, scenario, seed))
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE
    except OSError as error:
        output.complain(f"cannot rehearse: {error}")
        return _MISTAKE
    except KeyboardInterrupt:
        output.complain("interrupted; what was started has been ended")
        return _INTERRUPTED
    return 0 if verdict.passed else FAILED


def _show(options: Any, verdict: Any, again: Callable[[str, int], str]) -> None:
    verdicts = load("rehearsal.verdicts")
    if options.junit:
        with open(options.junit, "w", encoding="utf-8") as file:
            file.write(verdicts.as_junit(verdict))
    if options.json:
        output.say_json(verdicts.as_data(verdict))
    else:
        output.say(verdicts.as_text(verdict, again))


class _Progress:
    """Shows on a terminal how far it is; on anything else nothing."""

    def __init__(self, stream: Any, *, quiet: bool) -> None:
        self._stream = stream if not quiet and stream is not None and stream.isatty() else None

    def __call__(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()


def _changes(options: Any, command: list[str]) -> dict[str, Any]:
    """Return the keys of the table that the flags have given."""
    found: dict[str, Any] = {"command": command} if command else {}
    for key in ("ready", "window", "platform", "seeds", "jobs", "start_within"):
        if getattr(options, key) is not None:
            found[key] = getattr(options, key)
    if options.agent is not None:
        found["agent"] = options.agent
    if options.url is not None:
        found["load"] = {"url": options.url}
    if options.assertions:
        found["assert"] = options.assertions
    for key in ("order", "needs"):
        if getattr(options, key):
            found[key] = [chain.split(",") for chain in getattr(options, key)]
    if options.state:
        found["state"] = options.state
    if options.fault:
        found["scenarios"] = {"faults": {"faults": options.fault}}
    return found


def _again(options: Any, command: list[str], scenario: str, seed: int) -> str:
    """Return the command that does the same again for one *scenario* and *seed*."""
    words = ["processender", "rehearse", *([options.file] if options.file else [])]
    for name in ("url", "ready", "start_within", "window", "platform"):
        if getattr(options, name) is not None:
            words += [f"--{name.replace('_', '-')}", getattr(options, name)]
    pairs = (("fault", options.fault), ("assert", options.assertions), ("order", options.order),
             ("needs", options.needs), ("state", options.state))  # fmt: skip
    words += [word for name, values in pairs for value in values for word in (f"--{name}", value)]
    words += [] if options.agent is None else ["--agent" if options.agent else "--no-agent"]
    return shlex.join([*words, "--scenario", scenario, "--seed", str(seed), *(["--", *command] if command else [])])


def _parser() -> Options:
    parser = Options("rehearse", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    add = parser.add_argument
    add("file", nargs="?", default="", metavar="FILE", help="the configuration (default: the one of an agent here)")
    add("--url", metavar="URL", help="where the load goes; without it there is none")
    add("--ready", metavar="URL|TEXT", help="what answers 200 as long as it is ready, or what it writes when it is")
    add("--start-within", metavar="TIME", help="how long the program may take to start (default 10s)")
    add("--window", metavar="TIME", help="after how long it is killed (default: the grace of FILE, or 30s)")
    add("--platform", metavar="NAME", help="end it as this platform does, such as docker, heroku or github-actions")
    add("--fault", action="append", default=[], metavar="TEXT", help="what goes wrong, see below; several at once")
    add("--assert", dest="assertions", action="append", default=[], metavar="NAME",
        help="what must hold: no-request-lost, order, must-done, nothing-left-behind, within-window, exit-code (these "
        "by default), idempotent")  # fmt: skip
    add(
        "--order", action="append", default=[], metavar="A,B", help="handlers of which each ends before the next begins"
    )
    add("--needs", action="append", default=[], metavar="A,B", help="handlers of which B may run only if A is done")
    add("--state", action="append", default=[], metavar="GLOB", help="files that idempotent compares")
    add("--seeds", type=int, metavar="N", help="how many seeds (default 10)")
    add("--seed", type=int, action="append", default=[], metavar="N", help="this seed, and no other")
    add("--scenario", action="append", default=[], metavar="NAME", help="this scenario, and no other")
    add("--jobs", type=int, metavar="N", help="how many runs at the same time (default: one for each processor)")
    agent = parser.add_mutually_exclusive_group()
    agent.add_argument("--agent", action="store_true", default=None, help="start it under `processender run`")
    agent.add_argument("--no-agent", dest="agent", action="store_false", help="start it as it is")
    add("--json", action="store_true", help="print the verdict as JSON")
    add("--junit", metavar="FILE", help="write the verdict as JUnit XML, too")
    return parser
