"""
The pytest plugin: it is there when the package is installed, and loads nothing until a test asks for a fixture.

`fake_clock` lets your Ender end in no time, `ender_process` runs your program for real, `faults` says what goes wrong,
and `notices` what is said of the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from ..demand import load

_PROGRAMS: pytest.StashKey[list[Any]] = pytest.StashKey()


@pytest.fixture
def fake_clock() -> Iterator[Any]:
    """A `processender.testing.fake_clock.FakeClock`, entered for the length of the test: whatever waits is quick."""
    with load("testing.fake_clock").FakeClock() as clock:
        yield clock


@pytest.fixture
def notices() -> Any:
    """A `processender.testing.notices.Notices`: an empty script of what is said of the end."""
    return load("testing.notices").Notices()


@pytest.fixture
def faults() -> Iterator[Any]:
    """A `processender.testing.faults.Faults`: what goes wrong with handlers, and proxies that end with the test."""
    with load("testing.faults").Faults() as faults:
        yield faults


@pytest.fixture
def ender_process(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """
    A function that starts a real program and returns a `processender.testing.processes.Program`.

    `ender_process("service.py", "--port", "0", env={...}, cwd=..., ready="listening")`: a path of a Python file, an
    argv list, or the source of a program; with *ready* it is waited for until it has written that. Everything that it
    has started is killed behind the test, and what it wrote is shown where the test fails.
    """
    programs: list[Any] = []
    request.node.stash[_PROGRAMS] = programs
    with ExitStack() as running:

        def start(
            what: str | os.PathLike[str] | Sequence[str], *args: str, env: Mapping[str, str] | None = None,
            cwd: str | os.PathLike[str] | None = None, ready: str = "",
        ) -> Any:  # fmt: skip
            if isinstance(what, os.PathLike) or (isinstance(what, str) and what.endswith(".py")):
                what = [sys.executable, os.fspath(what)]
            program = load("testing.processes").Program(what, *args, env=env, cwd=None if cwd is None else str(cwd))
            programs.append(running.enter_context(program))
            if ready:
                program.wait_for(ready)
            return program

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the programs of a test have written where it fails."""
    report = yield
    if report.failed:
        for program in item.stash.get(_PROGRAMS, ()):
            report.sections.append((f"output of {program.argv[-1]!r:.60}", program.output))
    return report
