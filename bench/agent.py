"""What `processender run` costs while it supervises, and to start."""

from __future__ import annotations

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


def clean_environment(where: str) -> Path:
    """Make an environment that holds nothing but this project, and return its `bin`."""
    venv.create(where, with_pip=True)
    binaries = Path(where) / "bin"
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
    """Measure memory and start, in a clean environment."""
    where = tempfile.mkdtemp(prefix="processender-bench-")
    try:
        say("agent: a clean environment ...")
        binaries = clean_environment(f"{where}/venv")
        return [*memory(binaries, where), start(binaries, where)]
    finally:
        shutil.rmtree(where, ignore_errors=True)


def memory(binaries: Path, where: str) -> list[Figure]:
    """Measure the private dirty memory, each three times."""
    say("agent: memory ...")
    bare: list[str | Path] = [binaries / "python", "-IS", "-c", "import signal; signal.pause()"]
    own: list[str | Path] = [
        binaries / "processender",
        "run",
        "--probe-listen",
        f"127.0.0.1:{free_port()}",
        "--",
        "sleep",
        "1000",
    ]
    seconds([binaries / "processender", "run", "--", "true"], where)
    limit = statistics.median(private_dirty(bare, where) for _ in range(3))
    ours = statistics.median(private_dirty(own, where) for _ in range(3))
    others = {name: private_dirty(command, where) for name, command in peers(where).items()}
    beside = f"{ours:.1f} MB in all; a bare interpreter {limit:.1f}, " + ", ".join(
        f"{k} {v:.1f}" for k, v in others.items()
    )
    return [Figure("memory of the agent above a bare interpreter", ours - limit, "MB", bar=8.0, beside=beside)]


def start(binaries: Path, where: str) -> Figure:
    """Measure `processender run -- true` as a whole; peer and subject take turns."""
    say("agent: start ...")
    own: list[str | Path] = [binaries / "processender", "run", "--", "true"]
    bare: list[str | Path] = [binaries / "python", "-c", "pass"]
    runs = [(seconds(own, where), seconds(bare, where)) for _ in range(ROUNDS)]
    ours, peer = (statistics.median(column) * 1e3 for column in zip(*runs, strict=True))
    beside = f"{ours:.1f} ms against {peer:.1f} ms"
    return Figure("processender run -- true / python -c pass", ours / peer, "", bar=4.0, beside=beside)
