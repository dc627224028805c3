"""What `import processender` costs a program that has asyncio and logging already."""

from __future__ import annotations

import statistics
import subprocess

from .figures import Figure
from .programs import PYTHON, environment

ROUNDS = 25
CODE = """
import asyncio, logging, sys, time
def resident():
    return int(next(line for line in open('/proc/self/smaps_rollup') if line.startswith('Rss')).split()[1])
before, kilobytes = set(sys.modules), resident()
began = time.perf_counter()
{what}
took = (time.perf_counter() - began) * 1e3
heavy = {{'asyncio', 'logging', 'dataclasses', 'inspect', 'ssl', 'importlib.metadata', 'msgspec'}}
print(took, resident() - kilobytes, len(heavy & (set(sys.modules) - before)))
"""


def once(what: str) -> list[float]:
    """Return milliseconds, kilobytes, and how many heavy modules were loaded."""
    ran = subprocess.run([PYTHON, "-c", CODE.format(what=what)], env=environment("/nonexistent"),
                         capture_output=True, text=True, check=True)  # fmt: skip
    return [float(number) for number in ran.stdout.split()]


def measure() -> list[Figure]:
    """Measure the package, and its face beside it."""
    once("from processender import Ender")
    runs = [(once("import processender"), once("from processender import Ender, Retry")) for _ in range(ROUNDS)]
    package = [statistics.median(run[0][column] for run in runs) for column in range(3)]
    face = [statistics.median(run[1][column] for run in runs) for column in range(3)]
    return [
        Figure(
            "import processender",
            package[0],
            "ms",
            bar=3.0,
            beside=f"from processender import Ender, Retry: {face[0]:.1f} ms",
        ),
        Figure("its memory", package[1] / 1024, "MB", bar=0.8, beside=f"with Ender and Retry {face[1] / 1024:.1f} MB"),
        Figure(
            "heavy modules loaded",
            package[2] + face[2],
            "",
            bar=0,
            beside="of asyncio, logging, dataclasses, inspect, ...",
        ),
    ]
