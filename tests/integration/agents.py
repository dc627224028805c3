"""A real agent in front of a real command, for the tests."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processender.testing.processes import Program

SLEEPER = ["sh", "-c", "echo ready; exec sleep 60"]
"""A command that ends on TERM at once."""
DEAF = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.02; done"]
"""A command that does not hear TERM."""


def agent(options: list[str], command: list[str], **environ: str) -> Program:
    """Return an agent with *options* in front of *command*, not started yet; it runs where no configuration is."""
    return Program([sys.executable, "-m", "processender", "run", *options, "--", *command], env=environ, cwd="/")


def stops_with(program: Program, name: str = "TERM") -> int:
    """Wait until *program* is ready, send it a signal and return its exit code."""
    program.wait_for("ready")
    program.signal(name)
    return program.wait()


def outcomes(program: Program) -> dict[str, str]:
    """Return how each handler ended, from the report."""
    return {handler["name"]: handler["outcome"] for handler in program.report()["handlers"]}


def lives(pid: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


def python(source: str) -> list[str]:
    """Return a command that runs *source*, without the start-up cost of `site`."""
    return [sys.executable, "-IS", "-c", source]


def kill(pid: int) -> None:
    """Kill a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_until(condition: Callable[[], Any], limit: float = 60.0) -> None:
    """Wait until *condition* holds; fail when it does not in time."""
    until = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
