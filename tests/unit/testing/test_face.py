"""What the test kit has by name."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from processender import testing


def test_every_name_can_be_loaded() -> None:
    """And they are sorted, so that a diff shows what was added."""
    assert sorted(testing.__all__) == testing.__all__
    assert all(getattr(testing, name) is not None for name in testing.__all__)


def test_type_checkers_see_the_same_names() -> None:
    """The stub is a copy by hand."""
    stub = ast.parse(Path(testing.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imported = {each.asname for node in stub.body if isinstance(node, ast.ImportFrom) for each in node.names}

    assert set(testing.__all__) == imported


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A mistyped name fails as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'FakeClok'"):
        testing.FakeClok  # noqa: B018


def test_nothing_is_loaded_before_it_is_used() -> None:
    """Neither the Ender nor any double."""
    code = "import sys, processender.testing; print(*[name for name in sys.modules if name.startswith('processender')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"processender", "processender.demand", "processender.hints", "processender.testing"} == set(
        ran.stdout.split()
    )
