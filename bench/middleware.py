"""What the middleware of ASGI costs: each request, the throughput of a server, and the time from TERM to its exit."""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .agent import free_port
from .figures import Figure, say
from .programs import environment, script, state_directory
from .scripts.asgi_app import ender, plain, wrapped

CALLS = 500
REPEATS = 1000
ROUNDS = 12
LOAD_S = 2
STOPS = 20
SCOPE = {"type": "http", "method": "GET", "path": "/", "http_version": "1.1", "headers": []}


def measure() -> list[Figure]:
    """Measure all three."""
    return [
        each_request(),
        throughput("uvicorn with httptools", 0.97),
        throughput("no access log either", None, "--log-level", "warning", "--no-access-log"),
        *stops(),
    ]


async def _receive():
    raise AssertionError


async def _send(message):
    pass


async def _least(*apps) -> list[float]:
    """Return the least seconds that a call of each takes; the applications take turns."""
    least = [1.0] * len(apps)
    for _ in range(REPEATS):
        for at, app in enumerate(apps):
            began = time.perf_counter()
            for _ in range(CALLS):
                await app(SCOPE, _receive, _send)
            least[at] = min(least[at], (time.perf_counter() - began) / CALLS)
    return least


def each_request() -> Figure:
    """Measure a call of the application with the middleware and without, and no server around it."""
    say("middleware: each request ...")
    ender.ready()
    bare, with_it = asyncio.run(_least(plain, wrapped))
    beside = f"{with_it * 1e6:.2f} us with it, {bare * 1e6:.2f} us without"
    return Figure("the ASGI middleware, for each request", (with_it - bare) * 1e6, "us", bar=3.0, beside=beside)


def command(what: str, port: int, *options: str) -> list[str]:
    """Return the command line of a server: uvicorn as it comes, but with httptools."""
    program = script("asgi_app.py")
    if what == "served":
        return [sys.executable, program, str(port)]
    directory, _, name = program.rpartition("/")
    application = f"{name.removesuffix('.py')}:{what}"
    return [
        sys.executable, "-m", "uvicorn", application, "--app-dir", directory, "--port", str(port),
        "--http", "httptools", *options,
    ]  # fmt: skip


@contextmanager
def serving(what: str, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a server until the block is left; enter it when the server listens. What it logs is dropped."""
    port, none = free_port(), subprocess.DEVNULL
    argv = command(what, port, *options)
    with (
        state_directory() as state,
        subprocess.Popen(argv, env=environment(state), stdout=none, stderr=none) as process,
    ):
        try:
            while True:
                with socket.socket() as client:
                    if client.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if process.poll() is not None:
                    raise RuntimeError(f"the server {what!r} has ended before it listened")
                time.sleep(0.02)
            yield process, port
        finally:
            if process.poll() is None:
                process.kill()


class Load(NamedTuple):
    """What a server did under load."""

    requests: float
    """How many requests a second it has answered."""
    cpu: float
    """The seconds of processor that each has cost it."""


def under_load(process: subprocess.Popen[bytes], port: int) -> Load:
    """Let wrk ask, on 16 connections that are kept."""
    argv = ["wrk", "-t1", "-c16", f"-d{LOAD_S}s", f"http://127.0.0.1:{port}/"]
    before = cpu_seconds(process.pid)
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"wrk has seen failures:\n{said}")
    number = int(re.search(r"(\d+) requests in", said)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return Load(rate, (cpu_seconds(process.pid) - before) / number)


def cpu_seconds(pid: int) -> float:
    """Return how long a process has had a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def throughput(name: str, bar: float | None, *options: str) -> Figure:
    """Measure uvicorn with httptools, plain and with the middleware, in turns; each round is compared with itself."""
    rounds: list[dict[str, Load]] = []
    with serving("plain", *options) as plainly, serving("wrapped", *options) as wrapped_:
        servers = {"plain": plainly, "wrapped": wrapped_}
        for number in range(ROUNDS + 1):
            say(f"middleware: {name}, round {number} of {ROUNDS} ...")
            # Who is first is so as often as the other.
            order = list(servers) if number % 2 else list(reversed(servers))
            rounds.append({what: under_load(*servers[what]) for what in order})
    # The first one has warmed both up.
    del rounds[0]
    most = {what: max(each[what].requests for each in rounds) for what in servers}
    least = {what: min(each[what].cpu for each in rounds) * 1e6 for what in servers}
    beside = f"{most['wrapped']:.0f} against {most['plain']:.0f} requests a second, the best of {ROUNDS} rounds each; "
    beside += f"of a processor {least['wrapped']:.1f} us against {least['plain']:.1f} for each"
    ratio = statistics.median(each["wrapped"].requests / each["plain"].requests for each in rounds)
    return Figure(f"throughput with the middleware / plain, {name}", ratio, "", at_least=bar, beside=beside)


def time_to_exit(what: str) -> float:
    """Return the seconds from TERM to the exit of a server that is idle."""
    with serving(what) as (process, _):
        # It is ready a moment after it listens; and it looks ten times a second whether it is to stop.
        time.sleep(0.2 + random.random() / 10)
        began = time.perf_counter()
        process.terminate()
        process.wait(timeout=20)
        return time.perf_counter() - began


def stops() -> list[Figure]:
    """Measure the exit of an idle server, in turns; there is no delay, for there is no orchestrator."""
    say("middleware: TERM to exit ...")
    runs = [{what: time_to_exit(what) * 1e3 for what in ("plain", "wrapped", "served")} for _ in range(STOPS)]
    middle = {what: statistics.median(each[what] for each in runs) for what in runs[0]}
    names = {"wrapped": "uvicorn with the middleware", "served": "uvicorn served by an Ender"}
    return [
        Figure(
            f"extra time from TERM to exit, idle: {name}", middle[what] - middle["plain"], "ms", bar=100.0,
            beside=f"{middle[what]:.0f} ms against {middle['plain']:.0f} ms of plain uvicorn",
        )
        for what, name in names.items()
    ]  # fmt: skip
