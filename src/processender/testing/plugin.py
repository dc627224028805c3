"""
The pytest plugin: it is there when the package is installed, and loads nothing until a test asks for a fixture.

`fake_clock` lets your Ender end in no time, `ender_process` runs your program for real, `faults` says what goes wrong,
and `notices` what is said of the end. With `--teardown-on-term` a SIGTERM ends the tests as Ctrl-C does, so that a job
that is cancelled leaves nothing behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from ..demand import load

__all__ = ["ender_process", "fake_clock", "faults", "notices"]

_PROGRAMS: pytest.StashKey[list[Any]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the option of the plugin."""
    text = "end the tests by SIGTERM as by Ctrl-C: fixtures are torn down; what comes after it changes nothing"
    parser.getgroup("processender").addoption("--teardown-on-term", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Hear SIGTERM, if that is asked for."""
    if config.getoption("--teardown-on-term") and threading.current_thread() is threading.main_thread():
        config.add_cleanup(_hear_term())


def _hear_term() -> Callable[[], None]:
    """Let SIGTERM end the tests; return what takes that back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def end(_number: int, _frame: object) -> None:
        # Runners ask twice, and an agent asks as well: nothing may break off what is torn down.
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    def undo() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    signal.signal(signal.SIGTERM, end)
    return undo


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
    argv list, or the source of a program; with *ready* it is waited for until it has written that, or, for a URL with
    http, until that is answered by 200. Everything that it has started is killed behind the test, and what it wrote is
    shown where the test fails.
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
            if ready.startswith("http://"):
                program.wait_until_answered(ready)
            elif ready:
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
