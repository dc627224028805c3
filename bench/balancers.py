"""
Rolling restarts of two replicas behind real balancers, under load: plain, under the agent, and with the library.

Each replica in turn gets TERM, is waited for, started again, and must have answered through the balancer before the
other one's turn comes. The balancers repeat nothing and check nothing by themselves, but Envoy, which asks each replica
for its readiness.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from .figures import Figure, say
from .load import Load
from .programs import PYTHON, environment

SCRIPTS = Path(__file__).parent / "scripts"
SOURCE = Path(__file__).parent.parent / "src"
SERVERS = ("uvicorn", "hypercorn", "gunicorn")
BALANCERS = ("haproxy", "nginx", "envoy", "envoy file")
"""Envoy twice: it asks each replica for its readiness, or reads from a file which are drained."""
MODES = ("plain", "agent", "library")
ROUNDS = int(os.environ.get("PROCESSENDER_ROUNDS", "10"))
PLAIN_ROUNDS = min(ROUNDS, 3)
"""How often the plain server is restarted: it shows what it loses each time."""
RATE = {"uvicorn": 700.0, "hypercorn": 300.0, "gunicorn": 700.0}
"""Requests a second for each server: while one replica is away the other must bear them all."""
DELAY_S = {"haproxy": 0.2, "nginx": 0.2, "envoy": 1.6, "envoy file": 0.2}
"""
The drain delay behind each balancer. Envoy asks for the readiness every 0.25 s, and tells its workers of what it has
found at most once a second (`update_merge_window`): with a delay of 1 s requests still come, and are refused.
"""
TOO_SHORT_S = 0.02
LIMIT_S = 30.0


class Result(NamedTuple):
    """What the clients saw in one run."""

    requests: int
    failed: Counter[str]
    resent: int
    restarts: int


class Front(NamedTuple):
    """A balancer in front of two replicas."""

    port: int
    drain: Callable[[str, int], dict[str, object] | None]
    """Tells how the replica of this name and port is drained, as the configuration says it; None for by readiness."""


@contextmanager
def front(kind: str, servers: dict[str, int], probes: dict[str, int]) -> Iterator[Front]:
    """Run a balancer of this *kind* in front of *servers*, whose readiness is told at *probes*."""
    from tests.integration import balancers

    if kind == "haproxy":
        with balancers.haproxy(servers) as proxy:
            drain = {"drain": "haproxy", "with": {"socket": proxy.socket}}
            yield Front(proxy.port, lambda name, _: {**drain, "with": {**drain["with"], "server": f"web/{name}"}})
    elif kind == "nginx":
        with balancers.nginx(servers) as nginx:
            given = {"include": nginx.include, "pid": nginx.pid_file, "test": nginx.test}
            yield Front(
                nginx.port, lambda _, port: {"drain": "nginx", "with": {**given, "server": f"127.0.0.1:{port}"}}
            )
    elif kind == "envoy file":
        with balancers.envoy_edge(servers, from_file=True) as envoy:
            read = {"file": envoy.endpoints, "admin": envoy.admin}
            yield Front(
                envoy.port,
                lambda _, port: {"drain": "envoy-endpoint", "with": {**read, "address": f"127.0.0.1:{port}"}},
            )
    else:
        with balancers.envoy_edge(servers, health_ports=probes) as envoy:
            yield Front(envoy.port, lambda _name, _port: None)


class Replica:
    """One of the two."""

    def __init__(self, name: str, port: int, probe: int, state: str) -> None:
        self.name, self.port, self.probe, self._state = name, port, probe, state
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, mode: str, server: str, drain: dict[str, object] | None, delay: float) -> None:
        """Start it, on the port that it always has."""
        environ = environment(self._state) | {
            "PYTHONPATH": f"{SCRIPTS}:{SOURCE}",
            "DRAIN_DELAY": str(delay),
            "NAME": f"web-{self.name}",
        }
        environ["DRAIN"] = json.dumps(drain)
        argv = self._command(mode, server)
        if mode == "agent":
            config = Path(self._state, f"{self.name}.toml")
            config.write_text(self._configuration(drain, delay))
            argv = [PYTHON, "-m", "processender", "run", "--config", str(config), "--", *argv]
        log = open(Path(self._state, f"{self.name}.log"), "ab")  # noqa: SIM115 - it is the process's
        self._process = subprocess.Popen(argv, env=environ, stdout=log, stderr=log, start_new_session=True)
        log.close()

    def _command(self, mode: str, server: str) -> list[str]:
        bind, here = f"127.0.0.1:{self.port}", str(Path(sys.executable).parent)
        if mode == "library" and server != "gunicorn":
            return [PYTHON, str(SCRIPTS / "web_library.py"), server, str(self.port)]
        app = "web_library:app" if mode == "library" else "web:app"
        if server == "uvicorn":
            return [f"{here}/uvicorn", app, "--port", str(self.port), "--log-level", "warning"]
        if server == "hypercorn":
            return [f"{here}/hypercorn", app, "-b", bind, "--log-level", "WARNING"]
        config = ["-c", str(SCRIPTS / "web_gunicorn.py")] if mode == "library" else []
        return [
            f"{here}/gunicorn",
            app,
            *config,
            "-k",
            "uvicorn_worker.UvicornWorker",
            "-b",
            bind,
            "--log-level",
            "warning",
        ]

    def _configuration(self, drain: dict[str, object] | None, delay: float) -> str:
        text = f'service = "web-{self.name}"\ngrace = "20s"\ndrain_delay = "{delay}s"\nprobe_listen = "127.0.0.1:{self.probe}"\n'
        text += f'[checks.web]\ntcp = "127.0.0.1:{self.port}"\nkind = "startup"\nevery = "100ms"\n'
        if drain is not None:
            given = ", ".join(f"{key} = {json.dumps(value)}" for key, value in drain["with"].items())
            text += f'[handlers.balancer]\ndrain = "{drain["drain"]}"\nwith = {{ {given} }}\n'
        return text

    def served(self) -> int:
        """Return how many short requests it has answered, -1 if it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/served", timeout=5) as answer:
                return int(answer.read())
        except OSError:
            return -1

    async def answers(self) -> None:
        """Wait until it answers."""
        await self.comes(-1)

    async def comes(self, beyond: int = 0) -> None:
        """Wait until it has answered more than *beyond* requests, which come to it through the balancer."""
        until = time.monotonic() + LIMIT_S
        while await asyncio.to_thread(self.served) <= beyond:
            if time.monotonic() > until:
                log = Path(self._state, f"{self.name}.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"no request comes to {self.name} on {self.port}:\n{log[-3000:]}")
            await asyncio.sleep(0.05)

    async def restart(self, start: Callable[[], None]) -> None:
        """End it by TERM, and *start* it again."""
        await asyncio.to_thread(self.close)
        start()
        await self.comes()

    def close(self) -> None:
        """End it; kill it only if it does not: what an agent has started is in a session of its own."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            raise


async def roll(kind: str, mode: str, server: str, rounds: int, *, delay: float | None = None) -> Result:
    """Make one run and return what its clients saw."""
    from tests.integration.servers import free_port

    delay = DELAY_S[kind] if delay is None else delay
    with ExitStack() as stack:
        state = stack.enter_context(tempfile.TemporaryDirectory(prefix="processender-bench-"))
        replicas = [Replica(name, free_port(), free_port(), state) for name in ("one", "two")]
        probes = {each.name: each.probe if mode == "agent" else each.port for each in replicas}
        proxy = stack.enter_context(front(kind, {each.name: each.port for each in replicas}, probes))

        def starter(replica: Replica) -> Callable[[], None]:
            drain = None if mode == "plain" or delay == TOO_SHORT_S else proxy.drain(replica.name, replica.port)
            return lambda: replica.start(mode, server, drain, delay)

        for replica in replicas:
            stack.callback(replica.close)
            starter(replica)()
        for replica in replicas:
            await replica.answers()
        if kind == "envoy":
            # It is asked every 0.25 s, and must have found both.
            await asyncio.sleep(1)
        load, over = Load(proxy.port, RATE[server]), asyncio.Event()
        task = asyncio.create_task(load.run(over))
        try:
            for _ in range(rounds):
                for replica in replicas:
                    await replica.comes()
                    await replica.restart(starter(replica))
            await asyncio.sleep(0.5)
        finally:
            over.set()
            await task
        return Result(load.sent, load.failed, load.resent, 2 * rounds)


def measure() -> list[Figure]:
    """Make all runs and return what was lost."""
    figures = []
    for kind in BALANCERS:
        requests = 0
        for server in SERVERS:
            found = {}
            for mode in MODES:
                say(f"balancers: {kind}, {server}, {mode} ...")
                found[mode] = asyncio.run(roll(kind, mode, server, PLAIN_ROUNDS if mode == "plain" else ROUNDS))
            figures += _figures(kind, server, found)
            requests += found["agent"].requests + found["library"].requests
        least = 50_000 if ROUNDS >= 10 else 1
        figures.append(Figure(f"requests in the restarts behind {kind}", requests, "", at_least=least))
    say("balancers: too short a delay ...")
    short = asyncio.run(roll("envoy", "library", "uvicorn", 1, delay=TOO_SHORT_S))
    figures.append(
        Figure("failed behind envoy, with the library, with too short a delay", short.failed.total(), "", at_least=1,
               beside=f"of {short.requests:,}, so the measurement is seen to work; {_how(short)}")
    )  # fmt: skip
    return figures


def _figures(kind: str, server: str, found: dict[str, Result]) -> Iterator[Figure]:
    plain = found["plain"]
    beside = f"plain {plain.failed.total():,} of {plain.requests:,} in {plain.restarts} restarts ({_how(plain)})"
    for mode in ("agent", "library"):
        run = found[mode]
        name = f"failed in {run.restarts} restarts of {server} behind {kind}, {mode}"
        text = f"of {run.requests:,}; {run.resent} stale connections; {_how(run)} {beside}".replace(";  ", "; ")
        yield Figure(name, run.failed.total(), "", bar=0, beside=text)


def _how(run: Result) -> str:
    return ", ".join(f"{count} {how}" for how, count in run.failed.most_common(3))
