"""The command line's door: it finds the command and loads nothing else."""

from __future__ import annotations

import gc
import sys

from .. import __version__
from ..agent import kernel
from ..demand import load
from ..hints import TYPE_CHECKING
from ..inits.names import become, personality
from ..nearby import look_nearby

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "run": "start a command, and end it well when the end comes",
    "sidecar": "watch an application that was started by somebody else, and see to its end",
    "pre-stop": "tell the sidecar that the end has come, and wait until its drain is done",
    "plan": "print what would run at the end, in which order, and whether it fits",
    "doctor": "tell which platform this is, how long the end may take here, and from where that is known",
    "check": "say what is wrong with how a process will end, seen in its manifests and its configuration",
    "rehearse": "start a program, load it, end it with faults, and say whether the end was good, many times over",
    "recover": "release what processes that died have left behind",
    "report": "say how the shutdowns went: trend, causes, handlers, one of them as a timeline, what to change",
    "mark": "note a deployment or an incident, for the report",
    "status": "tell how an agent and its command are",
    "stop": "let an agent end its command, and itself, well",
    "drain": "let an agent leave traffic, and wait there",
    "resume": "take back a drain, or an end that has not gone beyond it",
    "restart": "let an agent end its command and start it again",
    "reload": "let an agent read its configuration again",
    "signal": "send a signal to the command of an agent",
    "deliver": "send the accounts of earlier ends that no exporter has delivered yet",
    "track": "let an agent, or a process, owe what a script has made",
    "post-mortem": "after a unit of systemd has ended: account for its crash, and recover",
    "unit": "print a systemd unit for a command",
    "schema": "print the JSON Schema of the configuration, for editors",
    "journal": "look into the journals of what is owed, and retry dead letters",
    "oci-hook": "be a hook of runc, crun or podman: release what a container has left behind",
}

STEERING = ("status", "stop", "drain", "resume", "restart", "reload", "signal")
"""The commands that ask an agent for something; one room does them all."""

_USAGE = """\
usage: processender COMMAND ...

ends processes well: it hears that the end is coming, works out how long is left, and runs the clean-up in the right
order inside that time.

commands:
{commands}

examples:
  processender run -- uvicorn app:app
  processender run --grace 30s --drain-delay 5s --probe-listen :8080 -- ./server
  processender plan --window 12s
  processender recover --dry-run
  processender report --last

`processender COMMAND --help` tells more.\
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* (by default that of the process) names and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    room = personality(sys.argv[0]) if argv is None else ""
    if room:
        become(room, sys.argv[0], words)
    first = words[0] if words else "--help"
    if first in COMMANDS:
        if first in {"run", "sidecar"}:
            # Before everything that takes time: as PID 1 a process loses the signals that it does not handle yet.
            mask = kernel.block()
            # What is loaded stays, so looking through it for garbage, a dozen times on the way, finds none.
            gc.disable()
            look_nearby()
            load(f"cli.{first}").main(words[1:], mask)
        room = "steer" if first in STEERING else first.replace("-", "_")
        code: int = load(f"cli.{room}").main(words if first in STEERING else words[1:])
        return code
    output = load("cli.output")
    if first in {"-h", "--help", "help"}:
        listed = "\n".join(f"  {name:11} {text}" for name, text in COMMANDS.items())
        output.say(_USAGE.format(commands=listed))
        return 0 if words else 2
    if first in {"-V", "--version", "version"}:
        output.say(f"processender {__version__}")
        return 0
    nearest = load("core.graph").nearest
    kind = "option" if first.startswith("-") else "command"
    output.complain(f"there is no {kind} {first!r}{nearest(first, COMMANDS)}; see `processender --help`")
    return 2
