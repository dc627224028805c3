"""`processender run`: start a command, and end it well when the end comes."""

from __future__ import annotations

import os
import sys

from ..agent import kernel
from ..agent.children import Children
from ..agent.decide import decide
from ..agent.ending import leave
from ..agent.errors import CANNOT_RUN, AgentError
from ..agent.flags import RUN, end_of_options, parse
from ..agent.program import RESTORED, explain, find_program, restore_environment
from ..agent.runner import Agent
from ..agent.settings import Settings
from ..agent.streams import keep_standard_streams
from ..demand import load
from ..errors import ProcessEnderError
from ..hints import TYPE_CHECKING, Any, NoReturn

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
            return decide(settings.file, vars(options), os.environ, children, settings.root)

        ending = Agent(command, settings, children, mask, read if settings.file else None).run()
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
    return parse(argv, RUN) or _explain(argv, name)


def _explain(argv: Sequence[str], name: str) -> NoReturn:
    """Help, or say what is wrong with *argv*; what does so takes longer to load than the rest of a short run."""
    usage, epilog = _USAGE.format(name=name), _EPILOG.replace("processender run", name)
    parser = load("cli.options").Options("run", usage=usage, description=_DESCRIPTION, epilog=epilog, code=CANNOT_RUN)
    for names, how in RUN:
        parser.add_argument(*names, **how)
    end = end_of_options(argv, RUN)
    parser.parse_args(argv[:end])
    parser.error(f"there is no command; put one behind the --, like `{name} -- ./server`")
    sys.exit(CANNOT_RUN)
