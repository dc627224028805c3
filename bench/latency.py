"""From SIGTERM to the first sync handler, beside asyncio's own signal handler."""

from __future__ import annotations

import os
import signal
import statistics
import time

from .figures import Figure, say
from .programs import PYTHON, script, started

ROUNDS = 21
BARS = {"idle": 2.0, "blocked": 5.0, "busy": 20.0}
WORDS = {"idle": "an idle loop", "blocked": "a loop blocked in time.sleep(5)", "busy": "a loop in a Python CPU loop"}


def once(program: str, mode: str) -> float:
    """Return the milliseconds of one run."""
    with started([PYTHON, script(program), mode]) as process:
        time.sleep(0.1)
        sent = time.monotonic_ns()
        os.kill(process.pid, signal.SIGTERM)
        return (int(process.stdout.readline()) - sent) / 1e6


def measure() -> list[Figure]:
    """Measure the three states of the loop; peer and subject take turns."""
    figures = []
    for mode, bar in BARS.items():
        say(f"latency: {mode} ...")
        ours, peers = [], []
        for number in range(ROUNDS):
            ours.append(once("ender_latency.py", mode))
            # asyncio's own handler waits for the loop in the other two states, 5 s each time, so a few rounds tell.
            if mode == "idle" or number % 7 == 0:
                peers.append(once("asyncio_latency.py", mode))
        beside = f"max {max(ours):.1f} ms; asyncio's own handler {statistics.median(peers):.1f} ms"
        figures.append(
            Figure(f"SIGTERM to first handler, {WORDS[mode]}", statistics.median(ours), "ms", bar=bar, beside=beside)
        )
    return figures
