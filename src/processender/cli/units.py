"""The systemd units that are printed: a command with its agent, what sees to a unit that failed, and what recovers."""

from __future__ import annotations

import os
import pwd
import sys

from ..hints import TYPE_CHECKING
from ..telemetry.state import SYSTEM, state_root

if TYPE_CHECKING:
    from collections.abc import Sequence

_LATE_S = 5.0
_SERVICE = """\
# Printed by `processender unit`.
[Unit]
Description={service}
After=network-online.target
Wants=network-online.target
OnFailure=processender-failure@%n.service

[Service]
Type=notify
# The agent alone speaks to systemd; it hands on what the command says on the socket that it finds in NOTIFY_SOCKET.
NotifyAccess=main
ExecStart={run}
{lines}ExecStopPost={post_mortem}
# The agent ends the command and its helpers in their order; with control-group all of them hear it at once.
KillMode=mixed
# What the end is called for who was asked to end by TERM or INT.
SuccessExitStatus=143 130
# The grace of the agent, and a little; ExecStopPost has as long again.
TimeoutStopSec={timeout}
Restart=on-failure
StateDirectory={state}
StateDirectoryMode=0700

[Install]
WantedBy=multi-user.target\
"""
_FAILURE = """\
# Sees to a unit that has failed: OnFailure=processender-failure@%n.service
[Unit]
Description=See to what the failed unit %i has left behind

[Service]
Type=oneshot
ExecStart={program} post-mortem --service %i --window 1m
TimeoutStartSec=2min\
"""
_RECOVER = """\
# Settles at boot what processes that died with the machine have left behind.
[Unit]
Description=Release what crashed processes have left behind
After=local-fs.target remote-fs.target network-online.target
Wants=network-online.target
ConditionPathExists={root}

[Service]
Type=oneshot
{settings}ExecStart={program} recover --window 5m
TimeoutStartSec=6min

[Install]
WantedBy=multi-user.target\
"""


def of_service(
    name: str, command: Sequence[str], *, flags: Sequence[str], config: Sequence[str], lines: Sequence[str],
    grace: float, own_user: bool, program: str = "",
) -> str:  # fmt: skip
    """
    Return the unit in which the agent runs a command.

    Args:

        name: The service.

        command: The words of the command.

        flags: The options of the agent but for `--service` and those of *config*.

        config: The options that name the configuration, for the agent and for what comes after it.

        lines: More lines for the section of the service, as they are to stand there.

        grace: The time that the end may take.

        own_user: Whether the service runs as a user of its own, and so has a state of its own.

        program: What starts this program, as a unit must say it.
    """
    program = program or this_program()
    return _SERVICE.format(
        service=name,
        run=" ".join([program, "run", *_words("--service", name, *config, *flags, "--", *command)]),
        post_mortem=" ".join([program, "post-mortem", *_words("--service", name, *config, "--window", f"{grace:g}s")]),
        lines="".join(f"{line}\n" for line in lines),
        timeout=f"{grace + _LATE_S:g}",
        state=f"processender-{name}" if own_user else os.path.basename(SYSTEM),
    )


def of_failure(program: str = "") -> str:
    """Return the unit that `OnFailure=` of the others starts."""
    return _FAILURE.format(program=program or this_program())


def of_recovery(program: str = "") -> str:
    """Return the unit that recovers at boot what this user's processes leave, where they leave it now."""
    root = os.path.abspath(state_root(os.environ))
    settings = ""
    if os.geteuid() != 0:
        # What belongs to another user is left alone, also by root.
        settings += f"User={pwd.getpwuid(os.geteuid()).pw_name}\n"
    if root != SYSTEM:
        settings += f"Environment={_quoted(f'PROCESSENDER_STATE={root}')}\n"
    return _RECOVER.format(root=root.replace("%", "%%"), settings=settings, program=program or this_program())


def this_program() -> str:
    """Return what starts this command, as a unit must say it."""
    started = os.path.abspath(sys.argv[0])
    if started.endswith("__main__.py"):
        return f"{_quoted(sys.executable)} -m processender"
    return _quoted(started).replace("$", "$$")


def _words(*words: str) -> list[str]:
    """Return *words* as the line of a command has them, in which a $ begins a variable."""
    return [_quoted(word).replace("$", "$$") for word in words]


def _quoted(text: str) -> str:
    """Return *text* as one word of a unit."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = "".join(_sign(letter) for letter in escaped)
    return f'"{escaped}"' if not escaped or set(escaped) & set(" \\\"';") else escaped


def _sign(letter: str) -> str:
    """Return a letter as it can stand in a line: what is no sign, or no text at all, by its bytes."""
    if letter.isprintable():
        return letter
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(letter))
