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
        settings += f"Environment={_quoted(f'PROCESSENDER_STATE={root}')}\n"
    return _UNIT.format(root=root.replace("%", "%%"), settings=settings, program=program or _program())


def _program() -> str:
    """Return what starts this command, as a unit must say it."""
    started = os.path.abspath(sys.argv[0])
    if started.endswith("__main__.py"):
        return f"{_quoted(sys.executable)} -m processender"
    return _quoted(started).replace("$", "$$")


def _quoted(text: str) -> str:
    """Return *text* as one word of a unit."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if set(escaped) & set(" \t\\\"'") else escaped
