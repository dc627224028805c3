"""One replica of the service: a uvicorn process, by itself or under `processender run`."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from .client import HOST, is_ready

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT = 20.0
"""The longest that a replica may take to start, seconds."""
PAUSE = 0.01
"""Seconds between two looks at a process that starts or ends."""
PORTS = range(20_000, 32_000)
"""Below the ports that the kernel gives to outgoing connections, so that no client takes a replica's."""


class StartError(Exception):
    """A replica cannot be started; what it said is the message."""


class Replica:
    """One process and how to reach it."""

    def __init__(self, name: str, folder: Path, agent: list[str] | None) -> None:
        """Describe the replica *name*; *agent* holds options of `processender run`, None is plain uvicorn."""
        self.name = name
        self.port = free_port()
        self.probe_port = self.port if agent is None else free_port()
        """Who is asked for readiness: the application itself, or the agent's probe face."""
        self.told = 0.0
        """When it was told to end, seconds since 1970."""
        self._agent = agent
        self._state = folder / name
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        """The command line."""
        command = [sys.executable, "-m", "uvicorn", "demo.service:app", "--app-dir", str(ROOT)]
        command += ["--host", HOST, "--port", str(self.port), "--no-access-log", "--log-level", "warning"]
        if self._agent is None:
            return command
        options = ["--service", self.name, "--probe-listen", f"{HOST}:{self.probe_port}", *self._agent]
        return [sys.executable, "-m", "processender", "run", *options, "--", *command]

    @property
    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PROCESSENDER_")}
        return kept | {"PROCESSENDER_STATE": str(self._state)}

    async def start(self) -> None:
        """Start it and wait until the application answers; raise `StartError` when it does not."""
        self._state.mkdir(parents=True, mode=0o700)
        with self._log.open("wb") as log:
            # Popen and not asyncio's own: it cannot be cancelled halfway, so no process is ever lost.
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._state,  # a configuration file here is not the replica's
                start_new_session=True,  # a Ctrl-C on the terminal is the demo's to handle, not the replica's
            )
        deadline = time.monotonic() + START_LIMIT
        while not await is_ready(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text() or "no answer in time"
                raise StartError(f"cannot start {self.name}: {said}")
            await asyncio.sleep(PAUSE)

    async def stop(self, limit: float) -> int:
        """Send SIGTERM, wait at most *limit* seconds until it is gone, then SIGKILL; return the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self.told = time.time()
            self._process.terminate()
        deadline = time.monotonic() + limit
        while self._process.poll() is None:
            if time.monotonic() > deadline:
                kill(self._process)
            await asyncio.sleep(PAUSE)
        return self._process.returncode

    @property
    def report(self) -> dict[str, Any]:
        """The report that the agent wrote of the replica's end; empty without an agent."""
        for path in self._state.rglob("last.json"):
            report: dict[str, Any] = json.loads(path.read_text())
            return report
        return {}


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill *process* and its children, which nobody else would end (on Linux)."""
    lists = Path(f"/proc/{process.pid}/task").glob("*/children")
    orphans = [int(pid) for children in lists for pid in children.read_text().split()]
    process.kill()
    for pid in orphans:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    """Return a port that nobody listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
