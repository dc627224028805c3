"""Whether the end of a function fits into the window of Lambda, cold, and what its import costs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from processender.testing.extensions import Sandbox

from .figures import Figure, say
from .programs import PYTHON, environment, script

COLD = 100
"""How many functions are started and ended, each a new process."""
UNCOMPILED = 5
WINDOW_S = 0.5
"""What a function with an extension inside itself is given."""
IMPORTS = 15
ROOM = "import processender.integrations.aws_lambda"
CODE = """
import sys, time
before, began = set(sys.modules), time.perf_counter()
{what}
took = (time.perf_counter() - began) * 1e3
heavy = {{'asyncio', 'http', 'ssl', 'email', 'socket', 'logging', 'dataclasses', 'inspect', 'typing', 'shutil', 'msgspec'}}
print(took, len(heavy & (set(sys.modules) - before)))
"""


def measure() -> list[Figure]:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as cache:
        # As in a deployment that ships compiled modules; what is said beside is without.
        env = {
            **environment(cache),
            "PYTHONPYCACHEPREFIX": cache,
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPATH": ":".join(sys.path),
        }
        return [*_cold(env), *_imports(env)]


class Run(NamedTuple):
    """One function, from its start to its end."""

    cold: float
    """Seconds from its start until Lambda knew it was ready."""
    end: float
    """Seconds from the signal until it was gone."""
    good: bool
    """Whether it had done everything by itself."""


def once(env: Mapping[str, str]) -> Run:
    """Start a function with three handlers, and end it as Lambda does."""
    with tempfile.TemporaryDirectory() as place, _quiet():
        Path(place, "tmp").mkdir()
        Path(place, "tmp", "cache").write_bytes(b"x" * 100_000)
        with Sandbox([PYTHON, script("lambda_function.py")], env={**env, "PLACE": place}) as sandbox:
            begun = time.monotonic()
            while not sandbox.api.names(ready=True):
                time.sleep(0.001)
            cold = time.monotonic() - begun
            ended = sandbox.end(seconds=WINDOW_S)["function"]
        done = Path(place, "saved.json").exists() and not list(Path(place, "tmp").iterdir())
        return Run(cold, ended.seconds, done and not ended.killed and ended.status == 0)


def _cold(env: Mapping[str, str]) -> list[Figure]:
    once(env)
    runs = []
    for number in range(COLD):
        say(f"serverless: lambda, cold {number}")
        runs.append(once(env))
    colds, ends = [run.cold for run in runs], [run.end for run in runs]
    whole = sorted(run.cold + run.end for run in runs)
    uncompiled = {**env, "PYTHONPYCACHEPREFIX": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    slow = statistics.median(once(uncompiled).cold for _ in range(UNCOMPILED))
    end = f"the end itself p50 {statistics.median(ends) * 1000:.0f} ms, most {max(ends) * 1000:.0f} ms"
    cold = f"of it interpreter, import and registration p50 {statistics.median(colds) * 1000:.0f} ms"
    return [
        Figure(
            "lambda: three handlers in 500 ms, cold",
            sum(run.good for run in runs),
            f"of {COLD}",
            at_least=COLD,
            beside=f"{end}, of which 50 ms are a round trip",
        ),
        Figure(
            "import, registration and the end together, p99",
            whole[int(0.99 * (COLD - 1))] * 1000,
            "ms",
            bar=WINDOW_S * 1000,
            beside=f"{cold}, {slow * 1000:.0f} ms where no compiled modules are shipped",
        ),
    ]


def _imports(env: Mapping[str, str]) -> list[Figure]:
    took: dict[str, list[float]] = {"pass": [], ROOM: [], "from processender import Ender; " + ROOM: []}
    heavy, whole = 0.0, {what: [] for what in took}
    for _ in range(IMPORTS + 1):
        for what, times in took.items():
            began = time.monotonic()
            ran = subprocess.run(
                [PYTHON, "-c", CODE.format(what=what)], env=env, capture_output=True, text=True, check=True
            )
            whole[what].append((time.monotonic() - began) * 1000)
            milliseconds, loaded = (float(number) for number in ran.stdout.split())
            times.append(milliseconds)
            heavy = max(heavy, loaded)
    # The first of each has compiled.
    bare, room, both = (statistics.median(whole[what][1:]) for what in took)
    shown = f"bare interpreter {bare:.0f} ms, with the room {room:.0f} ms, with the Ender too {both:.0f} ms"
    return [
        Figure("import of the room aws_lambda", statistics.median(took[ROOM][1:]), "ms", bar=25.0, beside=shown),
        Figure("heavy modules loaded", heavy, "", bar=0, beside="of asyncio, http, ssl, email, socket, logging, ..."),
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Let functions say when they were ready; nobody wants to read that here."""
    kept, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(null)
