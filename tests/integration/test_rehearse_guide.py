"""The guide of the rehearsal, followed as a new user would: its service, its configuration, its commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "rehearse.md"
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_guide_comes_to_what_it_says(tmp_path: Path) -> None:
    """A service that loses requests, the same behind the agent, and what a kill still takes from it."""
    blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    (service, *_), (settings, *_) = ([text for kind, text in blocks if kind == each] for each in ("python", "toml"))
    consoles = [text for kind, text in blocks if kind == "console"]
    (tmp_path / "shop.py").write_text(service, encoding="utf-8")
    said = [_follow(consoles[0], tmp_path)]
    (tmp_path / "processender.toml").write_text(settings, encoding="utf-8")
    said += [_follow(each, tmp_path) for each in consoles[1:]]

    assert [1, 0, 1] == [code for code, _ in said], said
    assert "FAILED no-request-lost in 2 runs" in said[0][1]
    assert "PASSED: 6 of 6 runs good" in said[1][1]
    assert "answered and not kept" in said[2][1]
    assert (tmp_path / "rehearsal.xml").exists()


def _follow(console: str, folder: Path) -> tuple[int, str]:
    """Do what a block says; return the exit code of its one command and what was printed."""
    (command,) = re.findall(r"^\$ ((?:.*\\\n)*.*)$", console, re.MULTILINE)
    command = command.replace("processender rehearse", f"{sys.executable} -m processender rehearse", 1)
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr
