"""The systemd unit that recovers at boot."""

from __future__ import annotations

import os
import pwd
import sys

from ..telemetry.state import SYSTEM, state_root

_UNIT = """\
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


def unit(program: str = "") -> str:
    """Return the unit that recovers what this user's processes leave, where they leave it now."""
    root = os.path.abspath(state_root(os.environ))
    settings = ""
    if os.geteuid() != 0:
        # What belongs to another user is left alone, also by root.
        settings += f"User={pwd.getpwuid(os.geteuid()).pw_name}\n"
    if root != SYSTEM:
        settings += f"Environment={quoted(f'PROCESSENDER_STATE={root}')}\n"
    return _UNIT.format(root=root.replace("%", "%%"), settings=settings, program=program or this_program())


def this_program() -> str:
    """Return what starts this command, as a unit must say it."""
    started = os.path.abspath(sys.argv[0])
    if started.endswith("__main__.py"):
        return f"{quoted(sys.executable)} -m processender"
    return quoted(started).replace("$", "$$")


def quoted(text: str) -> str:
    """Return *text* as one word of a unit."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = "".join(_sign(letter) for letter in escaped)
    return f'"{escaped}"' if not escaped or set(escaped) & set(" \\\"';") else escaped


def _sign(letter: str) -> str:
    """Return a letter as it can stand in a line: what is no sign, or no text at all, by its bytes."""
    if letter.isprintable():
        return letter
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(letter))
