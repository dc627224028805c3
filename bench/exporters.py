"""What a collector that is not there costs an exit, and whether all that it did not get comes later."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processender.testing.collector import Collector, Unanswered, read
from processender.testing.served import Asked, Served, Streamed, Told

from .figures import Figure, say
from .programs import PYTHON, script, started

ROUNDS = 100
KILLED = 20
PLAIN = 10
PATIENCE_S = 60.0


class Always(Served):
    """A server that has one bad day after the other."""

    def __init__(self, fault: str | int) -> None:
        """Meet every request with *fault*."""
        super().__init__()
        self._fault = fault

    def handle(self, asked: Asked) -> Told | Streamed | str:
        """Return the fault; one that is `stalling` begins an answer and never ends it."""
        if self._fault == "stalling":
            return Streamed(self._endless())
        return Told(self._fault) if isinstance(self._fault, int) else self._fault

    def _endless(self) -> Iterator[bytes]:
        yield b"\x0a"
        self.hold()


@contextmanager
def bad_days() -> Iterator[list[str]]:
    """Yield the addresses of collectors that are not there, each in its way."""
    silent, stalling, failing = Always("silent"), Always("stalling"), Always(503)
    with socket.socket() as nobody, Unanswered() as unanswered, silent, stalling, failing:
        nobody.bind(("127.0.0.1", 0))  # bound, and not listening: refused
        refused = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        yield [refused, unanswered.url, silent.url, stalling.url, failing.url]


def once(url: str, state: str) -> float:
    """Return by how many seconds the exit came after the end of the run and its reserve; negative if before."""
    with started([PYTHON, script("exporting.py"), url], quiet=True, state=state) as process:
        os.kill(process.pid, signal.SIGTERM)
        over, reserve = process.stdout.readline().split()
        process.wait(PATIENCE_S)
        return (time.monotonic_ns() - int(over)) / 1e9 - float(reserve)


def cut(url: str, state: str) -> None:
    """Kill the service in the middle of its end."""
    program = [PYTHON, script("exporting.py"), url, "hold"]
    with started(program, quiet=True, state=state) as process:
        os.kill(process.pid, signal.SIGTERM)
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


def delivered(state: str, runs: int) -> Counter[str]:
    """Start the service with a collector that is there, and return how often it got the account of each run."""
    with Collector() as collector:
        program = [PYTHON, script("exporting.py"), collector.url]
        with started(program, quiet=True, state=state) as process:
            collector.await_(lambda found: len(found.requests["logs"]) >= runs, PATIENCE_S)
            os.kill(process.pid, signal.SIGTERM)
            process.wait(PATIENCE_S)
        roots = [span for span in collector.spans if not span.parent_span_id]
        return Counter(read(span.attributes)["processender.run.id"] for span in roots)


def measure() -> list[Figure]:
    """Measure exits in front of dead collectors, and the delivery of what is left."""
    with tempfile.TemporaryDirectory() as state, tempfile.TemporaryDirectory() as other, bad_days() as urls:
        late = []
        for number in range(ROUNDS):
            say(f"exporters: {number} of {ROUNDS} ...")
            late.append(once(urls[number % len(urls)], state))
        for number in range(KILLED):
            cut(urls[number % len(urls)], state)
        plain = statistics.median(once("", other) for _ in range(PLAIN))
        waiting = {path.stem for path in Path(state, "shop", "outbox", "otlp").glob("*.json")}
        got = delivered(state, ROUNDS + KILLED)
        left = len([*Path(state, "shop", "outbox", "otlp").glob("*.json")])
    worst = f"the latest {-max(late):.2f} s before its reserve was over, without an exporter {-plain:.2f} s"
    over = sum(1 for each in late if each > 0)
    twice = sum(1 for count in got.values() if count > 1)
    return [
        Figure(f"exits beyond the reserve, of {ROUNDS} with a dead collector", over, "", bar=0, beside=worst),
        Figure("accounts kept for later", len(waiting), "", bar=ROUNDS + KILLED, at_least=ROUNDS + KILLED,
               beside=f"{KILLED} of them of runs that were killed"),
        Figure("of those not delivered by the next start", len(waiting - set(got)), "", bar=0,
               beside=f"{left} left in the outbox, {twice} delivered twice"),
    ]  # fmt: skip
