"""Real programs for the benchmarks: a clean environment, private state, and an end for each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

#: The start of an interpreter that needs no site-packages of ours and writes no bytecode elsewhere.
PYTHON = sys.executable


def environment(state: str) -> dict[str, str]:
    """Return an environment in which bytecode is cached, as it is for users, and the state is private."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PROCESSENDER"))}
    return kept | {"PROCESSENDER_STATE": state}


@contextmanager
def state_directory() -> Iterator[str]:
    """Make a directory for reports and remove it."""
    path = tempfile.mkdtemp(prefix="processender-bench-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def started(
    arguments: Sequence[str], *, ready: str = "ready", quiet: bool = False, state: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """
    Start a program, wait for its line *ready* (unless that is empty), and end it at the end.

    What it logs is dropped where it is to be *quiet*; its *state* is in this directory, by default in one of its own.
    """
    with state_directory() as own:
        process = subprocess.Popen(
            arguments,
            env=environment(state or own),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
            start_new_session=True,
        )
        try:
            while ready and ready not in (line := process.stdout.readline()):
                if not line:
                    raise RuntimeError(f"{arguments} ended before it was ready")
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
            process.wait()
            process.stdout.close()


def script(name: str) -> str:
    """Return the path of a program of the benchmarks."""
    return str(Path(__file__).parent / "scripts" / name)
