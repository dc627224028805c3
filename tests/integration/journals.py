"""A real journald, in a mount namespace of its own, and what a program writes into its journal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

JOURNALD = "/lib/systemd/systemd-journald"
LIMIT_S = 60.0
#: Where it listens is fixed, so it gets a /run/systemd of its own; the kernel's lines are not for it.
_SCRIPT = """
set -e
mkdir -p /run/log /run/systemd
mount -t tmpfs tmpfs /run/log
mount -t tmpfs tmpfs /run/systemd
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d
printf '[Journal]\\nReadKMsg=no\\nStorage=volatile\\nRateLimitBurst=0\\n' > /run/systemd/journald.conf.d/test.conf
"$JOURNALD" > /dev/null 2>&1 &
journald=$!
while [ ! -S /run/systemd/journal/socket ]; do kill -0 $journald; sleep 0.02; done
"$PYTHON" "$PROGRAM" > "$OUTPUT" 2>&1 || true
kill -USR1 $journald; kill $journald; wait $journald || true
journalctl --directory /run/log/journal --all --output json SYSLOG_IDENTIFIER="$NAME"
"""


def written(program: Path, name: str, directory: Path) -> list[dict[str, Any]]:
    """Run *program*, Python, beside a journald, and return the entries of the identifier *name*, as journalctl has them."""
    variables = {"JOURNALD": JOURNALD, "PYTHON": sys.executable, "PROGRAM": str(program), "NAME": name,
                 "OUTPUT": str(directory / "output"), "PROCESSENDER_STATE": str(directory / "state")}  # fmt: skip
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", _SCRIPT],
        env=os.environ | variables, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip

    assert 0 == ran.returncode, ran.stderr + (directory / "output").read_text()
    return [json.loads(line) for line in ran.stdout.splitlines()]
