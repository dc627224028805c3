"""Every numbered example runs, is signalled as it says, and ends as it says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_the_example_ends_as_it_says(path: Path, tmp_path: Path) -> None:
    """`# send: TERM after ready` and `# exits: 0` hold."""
    text = path.read_text(encoding="utf-8")
    send = re.search(r"^# send: (\w+) after (.+)$", text, re.MULTILINE)
    exits = re.search(r"^# exits: (-?\d+)$", text, re.MULTILINE)
    expected = int(exits[1]) if exits else 0
    environ = os.environ | {"PROCESSENDER_STATE": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, str(path)], env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        output = ""
        for line in process.stdout:
            output += line
            if send and send[2] in line:
                process.send_signal(getattr(signal, f"SIG{send[1]}"))
                send = None
        code = process.wait(timeout=60)

    assert (expected, None) == (code, send), output
