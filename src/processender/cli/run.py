"""`processender run`: start a command, and end it well when the end comes."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from ..agent.children import Children
from ..agent.decide import decide
from ..agent.early import EarlyEars
from ..agent.errors import CANNOT_RUN, AgentError
from ..agent.program import explain, find_program
from ..agent.runner import Agent, Ending, leave
from ..agent.streams import keep_standard_streams
from ..demand import load
from ..errors import ProcessEnderError
from ..hints import Any, NoReturn

_USAGE = "processender run [OPTIONS] -- COMMAND [ARGUMENT ...]"
_DESCRIPTION = """\
Start COMMAND and wait for it. When the end comes (SIGTERM, SIGINT, SIGQUIT, SIGHUP, or COMMAND ending by itself),
let readiness fail, wait for the drain delay, ask COMMAND and all that it has started to end, run the configured
clean-up, kill what is left when the time is up, and leave with the code of COMMAND.\
"""
_EPILOG = """\
lengths of time carry a unit: 500ms, 30s, 2m, 1h

exit codes:
  that of COMMAND, or 128+n if it died of signal n
  70   with --strict: COMMAND ended with 0, and the shutdown was not clean
  125  ProcessEnder cannot start: a mistake in the configuration or in the options
  126  COMMAND cannot be executed
  127  there is no such COMMAND

examples:
  processender run -- uvicorn app:app
  processender run --grace 30s --drain-delay 5s --probe-listen :8080 -- ./server --port 80
  processender run -c deploy/processender.toml -- ./worker

The configuration is processender.toml, or [tool.processender] in pyproject.toml, in the working directory; every key
can be set by a variable such as PROCESSENDER_GRACE=10s or PROCESSENDER_HANDLERS__FLUSH__TIMEOUT=2s.
PROCESSENDER_DISABLE=1 runs COMMAND and does nothing else.\
"""


def main(argv: Sequence[str], ears: EarlyEars) -> int:
    """Run with the options and the command of *argv*; *ears* has heard signals since the start."""
    keep_standard_streams()
    options = _options(argv)
    command = options.command
    try:
        if os.environ.get("PROCESSENDER_DISABLE") == "1":
            _become(command, ears)
        children = Children()
        flags = {name: getattr(options, name) for name in ("grace", "drain_delay", "probe_listen")}
        settings = decide(options.config, flags, os.environ, children)
        more = {name: getattr(options, name) for name in ("service", "exit") if getattr(options, name)}
        settings = settings.replace(strict=options.strict or settings.strict, json_lines=options.json, **more)
        ending = Agent(command, settings, children, ears).run()
    except ProcessEnderError as error:
        load("cli.output").complain(str(error))
        # Not by the ordinary way: threads have been started, and nothing has begun that they should end.
        os._exit(error.exit if isinstance(error, AgentError) else CANNOT_RUN)
    except (OSError, RuntimeError) as error:
        # No descriptor or no thread is left: nothing of ours can be started.
        load("cli.output").complain(f"cannot start: {error}; see the limits of the system (ulimit -a)")
        os._exit(CANNOT_RUN)
    leave(ending, reraise=settings.exit == "reraise")


def _become(command: Sequence[str], ears: EarlyEars) -> NoReturn:
    """Let the command take the place of this process, as if we had never been there."""
    if ears.heard:
        leave(Ending(128 + ears.heard[0], ears.heard[0]), reraise=True)
    path = find_program(command[0], os.environ)
    for signum in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(signum, signal.SIG_DFL)
    try:
        os.execve(path, tuple(command), os.environ)  # noqa: S606 - that is what is asked for
    except OSError as error:
        raise explain(path, error) from error


class _NoOptions:
    """What the parser would return for no option at all; loading it takes longer than the rest of a short run."""

    config = ""
    grace = drain_delay = probe_listen = service = exit = None
    strict = json = False

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command


def _options(argv: Sequence[str]) -> Any:
    """Return the options of *argv* and, as `command`, what stands behind them."""
    if argv[:1] == ["--"] and len(argv) > 1:
        return _NoOptions(argv[1:])
    parser = load("cli.options").Options("run", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=CANNOT_RUN)
    for names, how in _FLAGS:
        parser.add_argument(*names, **how)
    end = _end_of_options(argv)
    options = parser.parse_args(argv[:end])
    options.command = argv[end + 1 :] if argv[end : end + 1] == ["--"] else argv[end:]
    if not options.command:
        parser.error("there is no command; put one behind the --, like `processender run -- ./server`")
    return options


def _end_of_options(argv: Sequence[str]) -> int:
    """Return where the options end: at the first `--`, or at the first word that is neither option nor value."""
    with_value = {name for names, how in _FLAGS if "action" not in how for name in names}
    at = 0
    while at < len(argv) and argv[at].startswith("-") and argv[at] != "--":
        at += 2 if argv[at] in with_value else 1
    return min(at, len(argv))


_FLAGS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("-c", "--config"), {"metavar": "FILE", "default": "", "help": "the configuration file"}),
    (("--grace",), {"metavar": "TIME", "help": "the whole time from the notice to the end (default 30s)"}),
    (
        ("--drain-delay",),
        {"metavar": "TIME", "help": "how long COMMAND still serves after readiness has failed (default 0s)"},
    ),
    (("--probe-listen",), {"metavar": "HOST:PORT", "help": "where to serve /livez and /readyz"}),
    (("--service",), {"metavar": "NAME", "help": "the name in lines and reports (default: that of COMMAND)"}),
    (
        ("--strict",),
        {"action": "store_true", "help": "leave with 70 when COMMAND ended with 0 and the shutdown was not clean"},
    ),
    (
        ("--exit",),
        {"choices": ("code", "reraise"), "help": "reraise: die of the signal that COMMAND died of"},
    ),
    (("--json",), {"action": "store_true", "help": "write the lines on standard error as JSON"}),
)
