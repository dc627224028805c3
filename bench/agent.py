"""What `processender run` costs while it supervises, and to start."""

from __future__ import annotations

import os
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from .figures import Figure, say
from .programs import environment

ROUNDS = 25
ROOT = Path(__file__).parent.parent
ENDS_AT_ONCE = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.write(1, b"ready\\n")
signal.sigwait([signal.SIGTERM])
os._exit(0)
"""


def clean_environment(where: str) -> Path:
    """Make an environment that holds nothing but this project, and return its `bin`."""
    venv.create(where, with_pip=True)
    binaries = Path(where) / "bin"
    # What an older pip writes as the script of a command loads `re` before the command has its turn.
    subprocess.run([binaries / "python", "-m", "pip", "install", "--quiet", "--upgrade", "pip"], check=True)
    subprocess.run(
        [binaries / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(ROOT)], check=True
    )
    return binaries


def free_port() -> int:
    """Return a port of the loopback that is free."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def private_dirty(arguments: list[str | Path], state: str) -> float:
    """Start a program, let it settle, and return its private dirty memory in MB."""
    process = subprocess.Popen(arguments, env=environment(state), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2.0)
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("Private_Dirty")).split()[1]) / 1024
    finally:
        process.terminate()
        process.wait(timeout=20)


def seconds(arguments: list[str | Path], state: str) -> float:
    """Return how long a whole program takes."""
    began = time.perf_counter()
    subprocess.run(arguments, env=environment(state), check=True, capture_output=True)
    return time.perf_counter() - began


def peers(where: str) -> dict[str, list[str | Path]]:
    """Return the command lines of the other supervisors of one `sleep`."""
    supervisord = Path(where) / "supervisord.conf"
    supervisord.write_text(f"[supervisord]\nnodaemon=true\nlogfile={where}/s.log\npidfile={where}/s.pid\n"
                           "[program:sleep]\ncommand=sleep 1000\n", encoding="utf-8")  # fmt: skip
    circus = Path(where) / "circus.ini"
    ports = [free_port() for _ in range(2)]
    circus.write_text(f"[circus]\nendpoint = tcp://127.0.0.1:{ports[0]}\npubsub_endpoint = tcp://127.0.0.1:{ports[1]}\n"
                      "[watcher:sleep]\ncmd = sleep 1000\n", encoding="utf-8")  # fmt: skip
    here = Path(sys.executable).parent
    return {"supervisord": [here / "supervisord", "-c", supervisord], "circus": [here / "circusd", circus]}


def measure() -> list[Figure]:
    """Measure memory, start and stop, in a clean environment."""
    where = tempfile.mkdtemp(prefix="processender-bench-")
    try:
        say("agent: a clean environment ...")
        binaries = clean_environment(f"{where}/venv")
        return [*memory(binaries, where), *start(binaries, where), stop(binaries, where)]
    finally:
        shutil.rmtree(where, ignore_errors=True)


def run(binaries: Path, *options: str) -> list[str | Path]:
    """Return the beginning of a command line of an agent."""
    return [binaries / "processender", "run", *options, "--"]


def memory(binaries: Path, where: str) -> list[Figure]:
    """Measure the private dirty memory, each three times."""
    say("agent: memory ...")
    bare: list[str | Path] = [binaries / "python", "-IS", "-c", "import signal; signal.pause()"]
    probes = ("--probe-listen", f"127.0.0.1:{free_port()}")
    seconds([*run(binaries), "true"], where)
    limit = statistics.median(private_dirty(bare, where) for _ in range(3))
    others = {name: private_dirty(command, where) for name, command in peers(where).items()}
    figures = []
    for name, options, bar in (("the agent", probes, 8.0), ("a lean agent", (*probes, "--lean"), 4.0)):
        own = statistics.median(private_dirty([*run(binaries, *options), "sleep", "1000"], where) for _ in range(3))
        beside = f"{own:.1f} MB in all; a bare interpreter {limit:.1f}, "
        beside += ", ".join(f"{k} {v:.1f}" for k, v in others.items())
        figures.append(Figure(f"memory of {name} above a bare interpreter", own - limit, "MB", bar=bar, beside=beside))
    return figures


def start(binaries: Path, where: str) -> list[Figure]:
    """Measure `processender run -- true` as a whole by its least time; peer and subjects take turns."""
    say("agent: start ...")
    bare: list[str | Path] = [binaries / "python", "-c", "pass"]
    cases = {"": [*run(binaries), "true"], "--lean ": [*run(binaries, "--lean"), "true"], "bare": bare}
    runs = [{name: seconds(argv, where) * 1e3 for name, argv in cases.items()} for _ in range(ROUNDS)]
    least = {name: min(each[name] for each in runs) for name in cases}
    return [
        Figure(f"processender run {name}-- true / python -c pass", least[name] / least["bare"], "", bar=3.0,
               beside=f"{least[name]:.1f} ms against {least['bare']:.1f} ms")
        for name in ("", "--lean ")
    ]  # fmt: skip


def time_to_stop(argv: list[str | Path], where: str) -> float:
    """Return the seconds from TERM to the end of a program that is ready."""
    ready: list[str | Path] = [sys.executable, "-IS", "-c", ENDS_AT_ONCE]
    process = subprocess.Popen(
        [*argv, *ready], env=environment(where), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.readline()
    # `Popen.wait` with a time-out looks only now and then, after 7.5, 15.5 and 31.5 ms for one.
    gone = os.pidfd_open(process.pid)
    began = time.perf_counter()
    process.terminate()
    select.select([gone], [], [], 20)
    ended = time.perf_counter()
    os.close(gone)
    process.wait(timeout=20)
    process.stdout.close()
    return ended - began


def stop(binaries: Path, where: str) -> Figure:
    """Measure what the agent adds to the end of a command that ends at once on TERM; all take turns."""
    say("agent: stop ...")
    cases: dict[str, list[str | Path]] = {
        "agent": run(binaries),
        "lean": run(binaries, "--lean"),
        "bare": [],
        "tini": ["/usr/bin/tini", "-s", "--"],
        "dumb-init": ["/usr/bin/dumb-init"],
    }
    runs = [{name: time_to_stop(argv, where) * 1e3 for name, argv in cases.items()} for _ in range(ROUNDS)]
    middle = {name: statistics.median(each[name] for each in runs) for name in cases}
    extra = {name: middle[name] - middle["bare"] for name in cases if name != "bare"}
    beside = ", ".join(f"{name} {value:.1f} ms" for name, value in extra.items() if name != "agent")
    return Figure(
        "extra time at the stop of a command that ends at once", extra["agent"], "ms", bar=20.0, beside=beside
    )
