"""
Rolling restarts of two replicas without a balancer: gRPC clients that balance by themselves, and websockets.

Each replica in turn gets TERM, is waited for, started again, and must have answered before the other one's turn comes.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from .figures import Figure, say
from .programs import PYTHON, environment, script

ROUNDS = int(os.environ.get("PROCESSENDER_ROUNDS", "10"))
PLAIN_ROUNDS = min(ROUNDS, 5)
"""How often the plain server is restarted: it shows what it loses each time."""
DELAY_S = 0.5
LIMIT_S = 30.0
PROPER = ("OK", "UNAVAILABLE: the server is stopping and the time for this RPC is over")
"""How a stream may end with the library: by itself, or cut with a reason that its client understands."""
PLAINLY_PROPER = (*PROPER, "UNAVAILABLE: Cancelling all calls")
"""How it may end without: gRPC's own words when the grace is over."""


class Rpcs(NamedTuple):
    """What the clients of one run saw."""

    unary: int
    failed: Counter[str]
    streams: Counter[str]
    restarts: int


class Sockets(NamedTuple):
    """What the websockets of one run saw."""

    acknowledged: int
    lost: int
    """Messages that were acknowledged and are in nobody's file."""
    nowhere: int
    """Attempts to connect again that found neither of the two."""
    closed: Counter[str]
    """The close code of each connection."""
    restarts: int


class Replica:
    """One of the two, on the port that it always has."""

    def __init__(self, port: int, probe: int, state: str) -> None:
        self.port, self.probe, self._state = port, probe, state
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, argv: list[str], *, agent: bool, **variables: str) -> None:
        """Start it, in front of it the agent if it is to be there."""
        if agent:
            config = Path(self._state, f"{self.port}.toml")
            config.write_text(
                f'service = "calls-{self.port}"\ngrace = "20s"\ndrain_delay = "{DELAY_S}s"\n'
                f'probe_listen = "127.0.0.1:{self.probe}"\n'
                f'[checks.port]\ntcp = "127.0.0.1:{self.port}"\nkind = "startup"\nevery = "100ms"\n'
            )
            argv = [PYTHON, "-m", "processender", "run", "--quiet", "--config", str(config), "--", *argv]
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                argv, env=environment(self._state) | variables, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def _log(self) -> Path:
        return Path(self._state, f"{self.port}.log")

    async def end(self) -> None:
        """End it by TERM, and wait for it."""
        self._process.terminate()
        await asyncio.to_thread(self._process.wait, LIMIT_S)

    async def restart(self, start: Callable[[], None]) -> None:
        """End it and *start* it again."""
        await self.end()
        start()

    async def comes(self, happened: Callable[[], bool]) -> None:
        """Wait for it to be seen."""
        until = time.monotonic() + LIMIT_S
        while not happened():
            if time.monotonic() > until:
                raise RuntimeError(f"nothing comes to {self.port}:\n{self._log.read_text(errors='replace')[-3000:]}")
            await asyncio.sleep(0.05)

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


async def roll_rpcs(kind: str, way: str, rounds: int, *, resolved: bool = False) -> Rpcs:
    """
    Make one run of RPCs.

    Args:

        kind: The server, `sync` or `aio`.

        way: `plain`, `agent` or `library`.

        rounds: How often each replica is restarted.

        resolved: Whether clients learn by name resolution whose readiness passes.
    """
    from tests.integration.servers import free_port

    from .rpcs import Calls

    with ExitStack() as stack:
        state = stack.enter_context(tempfile.TemporaryDirectory(prefix="processender-bench-"))
        replicas = [Replica(free_port(), free_port(), state) for _ in range(2)]
        program = "library" if way == "library" else "plain"

        def starter(replica: Replica) -> Callable[[], None]:
            argv = [PYTHON, script("rpc.py"), kind, program, str(replica.port), str(DELAY_S)]
            return lambda: replica.start(argv, agent=way == "agent")

        for replica in replicas:
            stack.callback(replica.close)
            starter(replica)()
        await _listening(replicas)
        probes = {each.port: each.probe for each in replicas} if resolved else {}
        calls, over = Calls([each.port for each in replicas], probes), asyncio.Event()
        task = asyncio.create_task(calls.run(over))
        try:
            await replicas[0].comes(lambda: len(calls.answered) == 2)
            for _ in range(rounds):
                for replica in replicas:
                    known = len(calls.answered)
                    await replica.restart(starter(replica))
                    await replica.comes(lambda known=known: len(calls.answered) > known)
            await asyncio.sleep(0.5)
        finally:
            over.set()
            await task
        return Rpcs(calls.unary, calls.failed, calls.streams, 2 * rounds)


async def _listening(replicas: list[Replica]) -> None:
    from tests.integration.servers import listens

    for replica in replicas:
        await replica.comes(lambda port=replica.port: listens(port))


async def roll_sockets(ws: str, way: str, rounds: int) -> Sockets:
    """Make one run of websockets, with uvicorn's implementation *ws* of them; *way* is as above."""
    from tests.integration.servers import free_port

    from .sockets import Clients

    with ExitStack() as stack:
        state = stack.enter_context(tempfile.TemporaryDirectory(prefix="processender-bench-"))
        replicas = [Replica(free_port(), free_port(), state) for _ in range(2)]
        kept = Path(state, "kept")

        def starter(replica: Replica) -> Callable[[], None]:
            port = str(replica.port)
            plain = [str(Path(PYTHON).parent / "uvicorn"), "--app-dir", str(Path(script("websocket.py")).parent)]
            plain += ["websocket:app", "--port", port, "--ws", ws, "--log-level", "warning"]
            argv = [PYTHON, script("websocket.py"), port, ws, str(DELAY_S)] if way == "library" else plain
            return lambda: replica.start(argv, agent=way == "agent", KEPT=str(kept))

        for replica in replicas:
            stack.callback(replica.close)
            starter(replica)()
        await _listening(replicas)
        clients, over = Clients([each.port for each in replicas]), asyncio.Event()
        task = asyncio.create_task(clients.run(over))
        try:
            await replicas[0].comes(lambda: len(clients.connected) == 2)
            for _ in range(rounds):
                for replica in replicas:
                    await replica.restart(starter(replica))
                    await _listening([replica])
        finally:
            over.set()
            await task
        for replica in replicas:
            await replica.end()
        written = set(kept.read_text(encoding="utf-8").split())
        lost = len(clients.acknowledged - written)
        return Sockets(len(clients.acknowledged), lost, clients.nowhere, clients.closed, 2 * rounds)


def rpcs(kind: str, rounds: int, plain_rounds: int) -> list[Figure]:
    """Make the runs of one kind of server and return what was lost."""
    plain = asyncio.run(roll_rpcs(kind, "plain", plain_rounds))
    delayed = asyncio.run(roll_rpcs(kind, "agent", plain_rounds))
    agent = asyncio.run(roll_rpcs(kind, "agent", rounds, resolved=True))
    library = asyncio.run(roll_rpcs(kind, "library", rounds))
    beside = f"plain {plain.failed.total()} of {plain.unary:,} in {plain.restarts} ({_how(plain.failed)})"
    figures = [
        Figure(f"unary RPCs failed in {run.restarts} restarts, {kind}, {way}", run.failed.total(), "", bar=0,
               beside=f"of {run.unary:,}; {_how(run.failed)} {beside}".replace(";  ", "; "))
        for way, run in (("library", library), ("agent, clients follow its readiness", agent))
    ]  # fmt: skip
    told = f"of {delayed.unary:,} ({_how(delayed.failed)}): a delay that no client is told of gains nothing"
    figures.append(
        Figure(f"unary RPCs failed in {delayed.restarts} restarts, {kind}, agent, clients watch the plain server's health",
               delayed.failed.total(), "", beside=told)
    )  # fmt: skip
    for way, run, proper in (("library", library, PROPER), ("agent", agent, PLAINLY_PROPER)):
        wrong = sum(count for how, count in run.streams.items() if how not in proper)
        figures.append(
            Figure(f"streams without a proper status, {kind}, {way}", wrong, "", bar=0,
                   beside=f"of {run.streams.total():,}: {_how(run.streams)}; plain: {_how(plain.streams)}")
        )  # fmt: skip
    return figures


def sockets(ws: str, rounds: int, plain_rounds: int) -> list[Figure]:
    """Make the runs of one implementation of websockets and return what was lost."""
    runs = {way: asyncio.run(roll_sockets(ws, way, rounds if way == "library" else plain_rounds))
            for way in ("plain", "agent", "library")}  # fmt: skip
    run = runs["library"]
    others = "; ".join(f"{way}: {_how(runs[way].closed)} in {runs[way].restarts}" for way in ("plain", "agent"))
    lost = ", ".join(f"{way} {runs[way].lost} of {runs[way].acknowledged:,}" for way in ("plain", "agent"))
    nowhere = ", ".join(f"{way} {runs[way].nowhere}" for way in ("plain", "agent"))
    return [
        Figure(f"connections not closed by 1001 in {run.restarts} restarts, {ws}, library",
               run.closed.total() - run.closed["1001"], "", bar=0, beside=f"of {run.closed.total():,}; {others}"),
        Figure(f"messages acknowledged and lost, {ws}, library", run.lost, "", bar=0,
               beside=f"of {run.acknowledged:,}; {lost}"),
        Figure(f"connecting again found no server, {ws}, library", run.nowhere, "", bar=0, beside=nowhere),
    ]  # fmt: skip


def _how(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {how}" for how, count in counted.most_common(4))


def measure() -> list[Figure]:
    """Make all runs and return what was lost."""
    figures = []
    for kind in ("sync", "aio"):
        say(f"calls: gRPC, {kind} ...")
        figures += rpcs(kind, ROUNDS, PLAIN_ROUNDS)
    for ws in ("websockets", "wsproto"):
        say(f"calls: websockets, {ws} ...")
        figures += sockets(ws, ROUNDS, PLAIN_ROUNDS)
    return figures
