"""Programs that use the library, run for a test and ended by real signals."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from processender.testing.processes import Program, ProgramError

PREAMBLE = """
import asyncio, logging, os, signal, sys, threading, time
from processender import Ender, Handler, Notice, Retry, Transient, StateError

logging.basicConfig(level=logging.INFO, format='%(message)s')

def say(*words):
    os.write(1, (' '.join(map(str, words)) + '\\n').encode())
"""

LIMIT_S = 30.0
"""A generous limit: time itself is never what a test here asserts."""


class End:
    """How a program ended."""

    def __init__(self, code: int, output: str, report: dict[str, Any] | None, stacks: str) -> None:
        self.code = code
        """Its exit code, -n if it died of signal n."""
        self.output = output
        """What it wrote, to both streams."""
        self._report = report
        self.stacks = stacks
        """What the last resort wrote."""

    @property
    def report(self) -> dict[str, Any]:
        """Its report."""
        assert self._report is not None, f"there is no report; it wrote:\n{self.output}"
        return self._report

    @property
    def lines(self) -> list[str]:
        """The lines that the program itself said."""
        return [line for line in self.output.splitlines() if line]

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each handler."""
        return {handler["name"]: handler["outcome"] for handler in self.report["handlers"]}

    @property
    def troubles(self) -> list[str]:
        """The codes of what could not be done."""
        return [trouble["code"] for trouble in self.report["troubles"]]

    def handler(self, name: str) -> dict[str, Any]:
        """What the report says of one handler."""
        return next(handler for handler in self.report["handlers"] if handler["name"] == name)


def program(source: str, *args: str, env: Mapping[str, str] | None = None) -> Program:
    """Make a program of *source*, behind the imports that all share."""
    return Program(PREAMBLE + textwrap.dedent(source), *args, env=env)


def finish(running: Program, limit: float = LIMIT_S) -> End:
    """Wait for the end of *running* and tell how it was."""
    code = running.wait(limit)
    found = sorted(running.state.glob("*/reports/last.json"))
    report = json.loads(found[-1].read_text(encoding="utf-8")) if found else None
    stacks = "".join(file.read_text(encoding="utf-8") for file in sorted(running.state.glob("*/stacks-*.txt")))
    return End(code, running.output, report, stacks)


def run(source: str, *signals: str, after: str = "ready", env: Mapping[str, str] | None = None) -> End:
    """Run *source*, send it *signals* at once when it has written *after*, and tell how it ended."""
    with program(source, env=env) as running:
        if signals:
            running.wait_for(after, LIMIT_S)
        for name in signals:
            running.signal(name)
        return finish(running)


__all__ = ["LIMIT_S", "End", "Program", "ProgramError", "finish", "program", "run"]
