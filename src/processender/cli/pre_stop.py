"""`processender pre-stop`: tell the sidecar that the end has come, and hold until its drain is done."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..agent.meeting import PRE_STOP, NobodyThere, ask, find_meeting
from . import output
from .options import Options

NOT_DRAINED = 1
"""The exit code when the drain has ended and was not clean."""
NOBODY = 3
"""The exit code when there is no sidecar, or it went before the drain was done."""
_MISTAKE = 2
_USAGE = "processender pre-stop [--service NAME | --control SOCKET]"
_DESCRIPTION = """\
Tell the sidecar of this container that the end has come, and wait until its drain is done. This is the preStop hook of
its container. It may be called twice, and by two at once: all wait for the same end, and none begins another.\
"""
_EPILOG = """\
exit codes: 0 the drain is done, 1 it has ended and was not clean, 2 a mistake in what was given, 3 there is no sidecar,
or it went before the drain was done

examples:
  processender pre-stop --service shop
  lifecycle: {preStop: {exec: {command: ["processender", "pre-stop"]}}}    # in the manifest of a pod\
"""


def main(argv: Sequence[str]) -> int:
    """Do it and return the exit code."""
    parser = Options("pre-stop", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    parser.add_argument("--service", default="", metavar="NAME", help="that of the sidecar, if there are several")
    parser.add_argument("--control", default="", metavar="SOCKET", help="the socket of the sidecar")
    options = parser.parse_args(argv)
    try:
        path = options.control or find_meeting(os.environ, options.service)
        answer = ask(path, {"v": 1, "do": PRE_STOP})
    except NobodyThere as error:
        output.complain(str(error))
        return NOBODY
    if answer.get("verdict") == "clean":
        return 0
    output.complain(str(answer.get("error") or f"the drain is over and was not clean: {answer.get('verdict')}"))
    return NOT_DRAINED
