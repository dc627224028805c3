"""Every example in the README and the docs runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the blocks of *language* that are not marked as fragments, each with its place."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match[1] == language and "fragment" not in match[2]:
                line = text[: match.start()].count("\n") + 1
                found.append((f"{page.relative_to(ROOT)}:{line}", match[3]))
    return found


def run(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a directory of its own."""
    environ = os.environ | {"PROCESSENDER_STATE": str(cwd / "state")}
    return subprocess.run(arguments, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("place", "code"), blocks("python"), ids=[place for place, _ in blocks("python")])
def test_python_examples_run(place: str, code: str, tmp_path: Path) -> None:
    """A block of Python is a whole program that ends with 0."""
    ran = run([sys.executable, "-c", code], tmp_path)

    assert (0, "") == (ran.returncode, ran.stderr if ran.returncode else ""), place


@pytest.mark.parametrize(("place", "text"), blocks("toml"), ids=[place for place, _ in blocks("toml")])
def test_configurations_can_be_planned(place: str, text: str, tmp_path: Path) -> None:
    """A block of TOML is a whole configuration without a mistake."""
    (tmp_path / "processender.toml").write_text(text, encoding="utf-8")
    ran = run([sys.executable, "-m", "processender", "plan"], tmp_path)

    assert (0, "") == (ran.returncode, ran.stderr), place


@pytest.mark.parametrize(("place", "text"), blocks("console"), ids=[place for place, _ in blocks("console")])
def test_console_examples_succeed(place: str, text: str, tmp_path: Path) -> None:
    """Each `$ processender ...` line of a block ends with 0."""
    for line in text.splitlines():
        if line.startswith("$ processender"):
            ran = run([sys.executable, "-m", "processender", *line.removeprefix("$ processender").split()], tmp_path)

            assert (0, "") == (ran.returncode, ran.stderr), place


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link names a file that exists."""
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} -> {target}")

    assert [] == broken
