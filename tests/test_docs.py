"""Every example in the README and the docs runs, or says why it cannot."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


MARK = re.compile(r"fragment: \w")
"""What stands behind the language of a block that cannot run: why."""
GENERATED = ("docs/reference/", "text")
"""Blocks that `tools/reference.py --check` compares with what the program says."""


class Block(NamedTuple):
    """A block of code on a page."""

    place: str
    """Page and line."""
    language: str
    """What is written behind the fence."""
    mark: str
    """And what is written behind that."""
    text: str
    """The code."""

    @property
    def runs(self) -> bool:
        """Whether it claims that it does."""
        return not self.mark.startswith("fragment")

    @property
    def commands(self) -> list[str]:
        """The commands behind the prompts of a console, each with the lines that follow a backslash."""
        lines = re.findall(r"^\$ ((?:.*\\\n)*.*)$", self.text, re.MULTILINE)
        return lines if self.language == "console" else []


def read(page: Path) -> list[Block]:
    """Return the blocks of a page."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT)
    return [
        Block(f"{name}:{text.count(chr(10), 0, match.start()) + 1}", match[1], match[2].strip(), match[3])
        for match in BLOCK.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in read(page)]


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the blocks of *language* that are not marked as fragments, each with its place."""
    return [(block.place, block.text) for block in BLOCKS if block.language == language and block.runs]


def run(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a directory of its own, where `processender` is this one."""
    own = Path(sys.executable).parent
    environ = os.environ | {"PROCESSENDER_STATE": str(cwd / "state"), "PATH": f"{own}:{os.environ['PATH']}"}
    return subprocess.run(arguments, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False)


def unproven(block: Block) -> str:
    """Return what is wrong with a block that nothing runs; empty when there is nothing."""
    if not block.runs:
        return "" if MARK.match(block.mark) else "a fragment does not say why: ```console fragment: needs a server"
    if block.place.startswith(GENERATED[0]) and block.language == GENERATED[1]:
        return ""
    if block.language == "console":
        return "" if block.commands else "there is no command behind a $ in it"
    return "" if block.language in {"python", "toml", "json"} else f"nothing runs {block.language}: mark it a fragment"


def test_what_nothing_runs_says_why() -> None:
    """So that no example is believed to be tested which is not."""
    assert {} == {block.place: problem for block in BLOCKS if (problem := unproven(block))}


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (Block("docs/a.md:1", "console", "", "no prompt\n"), "there is no command"),
        (Block("docs/a.md:1", "console", "", "# processender\n"), "there is no command"),
        (Block("docs/a.md:1", "sh", "", "true\n"), "nothing runs sh"),
        (Block("docs/a.md:1", "text", "", "true\n"), "nothing runs text"),
        (Block("docs/a.md:1", "console", "fragment", "$ true\n"), "does not say why"),
    ],
)
def test_a_block_that_is_not_run_is_found(block: Block, problem: str) -> None:
    """Whatever it pretends to be."""
    assert problem in unproven(block)


def test_commands_go_on_behind_a_backslash() -> None:
    """What they print is none."""
    block = Block("docs/a.md:1", "console", "", "$ one \\\n  --more\nsaid\n$ two\n")

    assert ["one \\\n  --more", "two"] == block.commands


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


@pytest.mark.parametrize(("place", "text"), blocks("json"), ids=[place for place, _ in blocks("json")])
def test_data_can_be_read(place: str, text: str) -> None:
    """A block of JSON has one value in each line, or in all of them."""
    for each in [text] if text.startswith(("{\n", "[\n")) else text.splitlines():
        assert isinstance(json.loads(each), dict | list), place


CONSOLES = [block for block in BLOCKS if block.language == "console" and block.runs]


@pytest.mark.parametrize("block", CONSOLES, ids=[block.place for block in CONSOLES])
def test_console_examples_succeed(block: Block, tmp_path: Path) -> None:
    """Each command of a block ends with 0 and complains of nothing, one after another in one directory."""
    for command in block.commands:
        ran = run(["sh", "-c", command], tmp_path)

        assert (0, "") == (ran.returncode, ran.stderr), f"{block.place}: {command}"


FRAGMENTS = [block for block in BLOCKS if block.language in {"python", "toml"} and not block.runs]


@pytest.mark.parametrize("block", FRAGMENTS, ids=[block.place for block in FRAGMENTS])
def test_fragments_have_no_mistake_of_spelling(block: Block) -> None:
    """What cannot run can be parsed."""
    parsed = ast.parse(block.text).body if block.language == "python" else tomllib.loads(block.text)

    assert parsed


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link names a file that exists."""
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} -> {target}")

    assert [] == broken


def test_the_reference_tells_nothing_of_where_it_was_written() -> None:
    """A default that is the environment itself would stand there with all its variables, and differ everywhere."""
    pages = (ROOT / "docs" / "reference").glob("**/*.md")

    assert [] == [page.name for page in pages if "environ({" in page.read_text(encoding="utf-8")]


def public_names(room: Path) -> list[str]:
    """Return the `__all__` of a room, from its source."""
    for node in ast.parse(room.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


INTEGRATIONS = ROOT / "src" / "processender" / "integrations"
ROOMS = {
    (path.parent.name if path.name == "__init__.py" else path.stem): path
    for path in sorted([*INTEGRATIONS.glob("*.py"), *INTEGRATIONS.glob("*/__init__.py")])
    if re.search(r"^(Takes over|Hears): ", path.read_text(encoding="utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_that_takes_something_over_has_a_page_with_all_that_is_public_in_it(room: str) -> None:
    """Nothing that an application can use of it is told in a how-to only."""
    (page,) = (ROOT / "docs" / "reference").glob(f"*/{room}.md")
    names = public_names(ROOMS[room])
    told = re.findall(rf"^### `{room}\.(\w+)", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert names
    assert [] == [name for name in names if name not in told]


@pytest.mark.parametrize("kind", ["frameworks", "drainers"])
def test_every_example_of_a_room_is_on_its_page(kind: str) -> None:
    """All of them, where a room has several."""
    told = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference" / kind).glob("*.md"))
    examples = sorted((ROOT / "examples" / kind).glob("*.*"))

    assert [] == [path.name for path in examples if path.read_text(encoding="utf-8").rstrip() not in told]
