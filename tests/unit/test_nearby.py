"""The short way to our own modules is the ordinary way, only shorter."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from processender.nearby import Nearby, NearbyLoader

NAME = "processender.found"


def value(directory: Path) -> object:
    """Load the module that lies in *directory* the short way and return what it says."""
    spec = Nearby.find_spec(NAME, [str(directory)])
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert str(directory / "found.py") == module.__file__
    return module.VALUE


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a module that is compiled, as an installer leaves it."""
    path = tmp_path / "found.py"
    path.write_text("VALUE = 'first'\n")
    py_compile.compile(str(path), doraise=True)
    return path


def compiled(source: Path) -> Path:
    """Return where *source* is compiled."""
    return Path(importlib.util.cache_from_source(str(source)))


def test_what_is_compiled_is_taken_as_it_is(source: Path) -> None:
    """The source is not read."""
    told = source.stat()
    source.write_text("VALUE = 'other'\n")
    os.utime(source, ns=(told.st_atime_ns, told.st_mtime_ns))

    assert "first" == value(source.parent)


@pytest.mark.parametrize("text", ["VALUE = 'longer'\n", "VALUE = 'after'\n"], ids=["size", "time"])
def test_a_source_that_has_changed_is_compiled_anew(source: Path, text: str) -> None:
    """Another size tells it, and another time."""
    source.write_text(text)
    os.utime(source, (1, 1))

    assert text.split("'")[1] == value(source.parent)


@pytest.mark.parametrize("size", [0, 15], ids=lambda size: f"{size} bytes")
def test_a_compiled_file_without_a_head_is_replaced(source: Path, size: int) -> None:
    """A full disk has left it so."""
    compiled(source).write_bytes(compiled(source).read_bytes()[:size])

    assert "first" == value(source.parent)


def test_a_source_that_nobody_has_compiled_is_compiled(source: Path) -> None:
    """And kept, as Python does it."""
    compiled(source).unlink()

    assert "first" == value(source.parent)
    assert compiled(source).exists() is not sys.dont_write_bytecode


def test_code_that_was_compiled_elsewhere_tells_where_it_is_now(source: Path, tmp_path: Path) -> None:
    """An image was put together under another root."""
    moved = tmp_path / "moved"
    (moved / "__pycache__").mkdir(parents=True)
    compiled(source).rename(moved / "__pycache__" / compiled(source).name)
    source.rename(moved / "found.py")
    spec = Nearby.find_spec(NAME, [str(moved)])

    assert spec is not None
    assert str(moved / "found.py") == spec.loader.get_code(NAME).co_filename


def test_what_is_none_of_our_modules_is_left_to_others(tmp_path: Path) -> None:
    """Packages, archives, strangers, and what is not there."""
    (tmp_path / "found").mkdir()

    assert Nearby.find_spec("processender", None) is None
    assert Nearby.find_spec(NAME, [str(tmp_path)]) is None
    assert Nearby.find_spec(NAME, ["/nowhere/an.archive/processender"]) is None
    assert Nearby.find_spec("json.decoder", [os.path.dirname(importlib.util.__file__)]) is None


def told(*options: str) -> str:
    """Return, for a fresh interpreter that looks nearby, what a module of ours tells of itself."""
    program = "from processender.nearby import look_nearby; look_nearby(); import processender.core.plan as plan\n"
    program += "print(type(plan.__loader__).__name__, plan.__file__, plan.__cached__, plan.__package__)"
    return subprocess.run([sys.executable, *options, "-c", program], capture_output=True, text=True, check=True).stdout


def test_a_module_tells_the_same_of_itself() -> None:
    """Its file, and where it is compiled."""
    spec = importlib.util.find_spec("processender.core.plan")

    assert f"{NearbyLoader.__name__} {spec.origin} {spec.cached} processender.core\n" == told()


def test_a_python_with_options_for_compiled_files_goes_the_ordinary_way(tmp_path: Path) -> None:
    """What it wants compiled in another way, or to another place, is."""
    assert told("-O").startswith("SourceFileLoader ")
    assert told("-X", f"pycache_prefix={tmp_path}").startswith("SourceFileLoader ")
