"""`processender run`: start a command, and end it well when the end comes."""

from __future__ import annotations

import os
import sys

from ..agent import kernel
from ..agent.children import Children
from ..agent.decide import decide
from ..agent.ending import leave
from ..agent.errors import CANNOT_RUN, AgentError
from ..agent.program import RESTORED, explain, find_program, restore_environment
from ..agent.runner import Agent
from ..agent.settings import Settings
from ..agent.steps import PRESETS
from ..agent.streams import keep_standard_streams
from ..demand import load
from ..errors import ProcessEnderError
from ..hints import TYPE_CHECKING, Any, NoReturn
from .flags import end_of_options, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE = "{name} [OPTIONS] -- COMMAND [ARGUMENT ...]"
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
  69   with --restart: COMMAND has ended too often and is not started again
  125  ProcessEnder cannot start: a mistake in the configuration or in the options, or a pre-start hook has failed
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


def main(argv: Sequence[str], mask: frozenset[int], *, init: bool = False) -> NoReturn:
    """
    Run with the options and the command of *argv*.

    Args:

        argv: The words behind `run`.

        mask: What was blocked before every signal was.

        init: Whether this is `processender-init`, which is lean.
    """
    keep_standard_streams()
    options = _options(argv, "processender-init" if init else "processender run")
    options.lean |= init
    command = options.command
    restore_environment()
    try:
        if os.environ.get("PROCESSENDER_DISABLE") == "1":
            _become(command, mask)
        children = Children()

        settings = decide(options.config, vars(options), os.environ, children)

        def read() -> Settings:
            # The file that was found at the start and no other: if it is gone, that is a mistake.
            return decide(settings.source, vars(options), os.environ, children, settings.root)

        ending = Agent(command, settings, children, mask, read if settings.source else None).run()
    except ProcessEnderError as error:
        load("cli.output").complain(str(error))
        # Not by the ordinary way: threads have been started, and nothing has begun that they should end.
        os._exit(error.exit if isinstance(error, AgentError) else CANNOT_RUN)
    except (OSError, RuntimeError) as error:
        # No descriptor or no thread is left: nothing of ours can be started.
        load("cli.output").complain(f"cannot start: {error}; see the limits of the system (ulimit -a)")
        os._exit(CANNOT_RUN)
    leave(ending, reraise=settings.exit == "reraise")


def _become(command: Sequence[str], mask: frozenset[int]) -> NoReturn:
    """Let the command take the place of this process, as if we had never been there."""
    path = find_program(command[0], os.environ)
    for signum in (*RESTORED, kernel.INT):
        kernel.unhandle(signum)
    # What has come meanwhile has its effect now.
    kernel.restore(mask)
    try:
        os.execve(path, tuple(command), os.environ)  # noqa: S606 - that is what is asked for
    except OSError as error:
        raise explain(path, error) from error


def _options(argv: Sequence[str], name: str = "processender run") -> Any:
    """Return the options of *argv* and, as `command`, what stands behind them."""
    return parse(argv, FLAGS) or _explain(argv, name)


def _explain(argv: Sequence[str], name: str) -> NoReturn:
    """Help, or say what is wrong with *argv*; what does so takes longer to load than the rest of a short run."""
    usage, epilog = _USAGE.format(name=name), _EPILOG.replace("processender run", name)
    parser = load("cli.options").Options("run", usage=usage, description=_DESCRIPTION, epilog=epilog, code=CANNOT_RUN)
    for names, how in FLAGS:
        parser.add_argument(*names, **how)
    end = end_of_options(argv, FLAGS)
    parser.parse_args(argv[:end])
    parser.error(f"there is no command; put one behind the --, like `{name} -- ./server`")
    sys.exit(CANNOT_RUN)


FLAGS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("-c", "--config"), {"metavar": "FILE", "default": "", "help": "the configuration file"}),
    (("--grace",), {"metavar": "TIME", "help": "the whole time from the notice to the end (default 30s)"}),
    (
        ("--drain-delay",),
        {"metavar": "TIME", "help": "how long COMMAND still serves after readiness has failed (default 0s)"},
    ),
    (("--probe-listen",), {"metavar": "HOST:PORT", "help": "where to serve /livez, /readyz and /startupz"}),
    (
        ("--control-listen",),
        {"metavar": "HOST:PORT", "help": "where to serve /status, /metrics and, with a token, /drain /resume /stop"},
    ),
    (("--service",), {"metavar": "NAME", "help": "the name in lines and reports (default: that of COMMAND)"}),
    (
        ("--strict",),
        {"action": "store_true", "help": "leave with 70 when COMMAND ended with 0 and the shutdown was not clean"},
    ),
    (
        ("--exit",),
        {"choices": ("code", "reraise"), "help": "reraise: die of the signal that COMMAND died of"},
    ),
    (
        ("--expect-exit",),
        {"metavar": "CODE", "action": "append", "help": "leave with 0 when COMMAND ends with CODE, such as 143"},
    ),
    (
        ("--parent-death",),
        {"metavar": "SIGNAL", "help": "get SIGNAL when the process that has started this one ends; TERM stops"},
    ),
    (("-v", "--verbose"), {"action": "store_true", "help": "tell more on standard error"}),
    (("-q", "--quiet"), {"action": "store_true", "help": "tell only what goes wrong"}),
    (
        ("--restart",),
        {"choices": ("never", "on-failure", "always"), "help": "when to start COMMAND again after it has ended"},
    ),
    (("--json",), {"action": "store_true", "help": "write the lines on standard error as JSON"}),
    (
        ("--lean",),
        {"action": "store_true", "help": "load what only the end needs when it comes: less memory, a faster start"},
    ),
    (("--setsid",), {"action": "store_true", "help": "let COMMAND lead a session of its own (default: unless started "
                     "at the terminal of this one)"}),
    (("--no-setsid",), {"action": "store_true", "help": "let COMMAND stay in this session, with its job control"}),
    (("--kill-group",), {"action": "store_true", "help": "send signals to the whole process group of COMMAND"}),
    (
        ("--no-wait-tree",),
        {"action": "store_true", "help": "leave as soon as COMMAND has ended, whatever it leaves behind"},
    ),
    (
        ("--rewrite",),
        {"metavar": "A:B", "action": "append", "help": "send COMMAND signal B in the place of A; 0 for nothing"},
    ),
    (
        ("--on-signal",),
        {"metavar": "SIGNAL:WHAT", "action": "append",
         "help": "what a signal means: stop, forward, reload or ignore (default: TERM, INT, QUIT and HUP stop)"},
    ),
    (("--capture",), {"action": "store_true", "help": "pass on the output of COMMAND by lines, each with its time"}),
    (("--preset",), {"choices": tuple(PRESETS), "help": "end COMMAND as this program wants to be ended"}),
    (
        ("--ready",),
        {"choices": ("started", "notify"), "help": "when systemd is told READY: as COMMAND is started (default), or as "
         "COMMAND says so on its NOTIFY_SOCKET"},
    ),
    (
        ("--watchdog",),
        {"choices": ("own", "pass"), "help": "pass: feed the watchdog of systemd only while COMMAND feeds its own"},
    ),
)  # fmt: skip
