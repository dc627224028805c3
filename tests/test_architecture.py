"""The shape of the source: what `.importlinter` cannot say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import processender

PACKAGE = Path(processender.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]
HEAVY = {"asyncio", "dataclasses", "importlib.metadata", "inspect", "logging", "msgspec", "ssl"}
CLOCKS = {"time", "monotonic", "monotonic_ns", "time_ns", "perf_counter", "clock_gettime"}


def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines the body of a function has, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_file_is_longer_than_300_lines(path: Path) -> None:
    """A room that no longer fits is split by concept."""
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= 300


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_function_body_is_longer_than_40_lines(path: Path) -> None:
    """A function does one thing; the docstring does not count."""
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [node.name for node in functions if body_lines(node) > 40]

    assert [] == long


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """Each module has a docstring."""
    assert ast.get_docstring(tree(path))


def is_first_party(node: ast.AST) -> bool:
    """Tell whether an import is one of our own package."""
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").split(".")[0] == "processender"
    return isinstance(node, ast.Import) and any(name.name.split(".")[0] == "processender" for name in node.names)


#: Where our own modules are loaded on first use: the face, the asyncio driver, and one command of the CLI.
LAZY = {("session.py", "engine.loops"), ("engine/executor.py", "loops")}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_first_party_imports_stand_at_the_top(path: Path) -> None:
    """None hides in a function or under a condition, but for the asyncio driver, which threaded programs never load."""
    module = tree(path)
    here = str(path.relative_to(PACKAGE))
    hidden = [
        node.module
        for node in ast.walk(module)
        if is_first_party(node) and node not in module.body and (here, getattr(node, "module", "")) not in LAZY
    ]

    assert [] == hidden


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_first_party_imports_are_relative(path: Path) -> None:
    """The package never names itself."""
    absolute = [node for node in ast.walk(tree(path)) if is_first_party(node) and not getattr(node, "level", 0)]

    assert [] == absolute


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_only_the_output_of_the_cli_prints(path: Path) -> None:
    """`cli/output.py` is the only file that prints."""
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    prints = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]

    assert not prints or path.name == "output.py"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_only_the_clock_reads_a_clock(path: Path) -> None:
    """`engine/clock.py` is the only file that asks the time; a clock is handed to everything else."""
    attributes = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)]
    found = [
        a.lineno for a in attributes if isinstance(a.value, ast.Name) and a.value.id == "time" and a.attr in CLOCKS
    ]

    assert not found or path == PACKAGE / "engine" / "clock.py"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_nothing_sleeps(path: Path) -> None:
    """What waits, waits for something, with a limit."""
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    sleeps = [call.lineno for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "sleep"]

    assert [] == sleeps


def test_the_public_names_are_sorted() -> None:
    """`__all__` is in order, so that a diff shows what was added."""
    assert sorted(processender.__all__) == processender.__all__


@pytest.mark.parametrize("name", processender.__all__)
def test_every_public_name_can_be_loaded(name: str) -> None:
    """Each name of `__all__` is there."""
    assert getattr(processender, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A mistyped name fails as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'Endre'"):
        processender.Endre  # noqa: B018


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has after *code*."""
    program = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-S", "-c", f"sys_path={sys.path!r}\nimport sys\nsys.path[:]=sys_path\n" + program],
                         capture_output=True, text=True, check=True)  # fmt: skip
    return set(ran.stdout.split())


@pytest.mark.parametrize("what", ["import processender", "from processender import Ender, Retry"])
def test_nothing_heavy_is_imported(what: str) -> None:
    """Neither the package nor its face load what a program may never use."""
    assert set() == HEAVY & (loaded_by(what) - loaded_by("pass"))


def test_an_armed_ender_without_async_handlers_loads_no_event_loop() -> None:
    """A threaded program does not pay for asyncio."""
    code = "from processender import Ender\nwith Ender('x', state='/dev/null/x', observers=()): pass"

    assert "asyncio" not in loaded_by(code)


SLOW = {"ctypes", "enum", "graphlib", "json", "math", "re", "signal", "subprocess", "weakref"}


def test_an_agent_of_a_plain_command_loads_nothing_of_the_standard_library_that_it_can_do_without() -> None:
    """Each of them costs its start a share that can be measured."""
    code = "import processender.cli.run, processender.agent.engine, processender.agent.prctl, processender.agent.cgroup"

    assert set() == SLOW & (loaded_by(code) - loaded_by("pass"))


def test_an_agent_loads_nothing_that_only_an_application_needs_of_an_ender() -> None:
    """It has no body, and owes nothing itself."""
    rooms = {"ender", "keeping", "registration", "held", "keepers", "core.obligation", "engine.bodies"}

    assert set() == {f"processender.{room}" for room in rooms} & loaded_by("import processender.agent.engine")


PAGE = (PACKAGE.parent.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_the_page_names_every_room_on_the_first_floor_of_the_tree() -> None:
    """Each module and each directory of the package, and each integration."""
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    foreign = {path.stem for path in (PACKAGE / "integrations").iterdir() if not path.name.startswith("__")}
    named = set(re.findall(r"`(\w+)/?`", PAGE))
    (integrations,) = re.findall(r"^\|.*`integrations/` \| (.*) \|$", PAGE, re.MULTILINE)

    assert set() == {room for room in rooms if not room.startswith("__")} - named
    assert set() == foreign - set(re.findall(r"\w+", integrations))


def test_the_page_names_no_file_of_the_agent_that_is_not_there() -> None:
    """The parts of the agent are told by what they are for, each with its main files."""
    rows = PAGE.partition("files of `agent/` |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    named = {name for row in rows for name in re.findall(r"\w+", row.split("|")[2])}

    assert len(rows) > 5
    assert set() == named - {path.stem for path in (PACKAGE / "agent").iterdir()}
