"""The real servers that the tests of releasers need, each on a free port of the loopback, ended by its pid."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

READY_S = 60.0
"""How long a server may take to answer, on a machine that has much else to do."""
_PORTS = iter(random.sample(range(10_000, 32_768), 22_768))
"""Below those that the kernel gives to whoever asks for any: a test beside this one would have it in the meantime."""
MOTO = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def free_port() -> int:
    """Return a port of the loopback that nobody listens on, and that this process has not returned before."""
    for port in _PORTS:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("all ports have been used")


@contextmanager
def running(argv: list[str], answers: Callable[[], bool], *, user: str | None = None) -> Iterator[int]:
    """Run a server until the block is left; enter it when the server *answers*."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, user=user, cwd="/")
        try:
            for _ in range(int(READY_S / 0.05)):
                if answers():
                    break
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                break
            if process.poll() is not None or not answers():
                said.seek(0)
                raise AssertionError(f"{argv[0]} does not answer: {said.read().decode(errors='replace')}")
            yield process.pid
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections on *port*."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL; give its URL, of a superuser without a password."""
    import psycopg

    found = shutil.which("postgres") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), "")
    program = os.path.realpath(found) if found else ""
    assert program, "PostgreSQL is needed: `make test` installs it"
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="processender-postgres-") as base:
        data = os.path.join(base, "data")
        if user:
            os.chown(base, pwd.getpwnam(user).pw_uid, -1)
        initdb = [os.path.join(os.path.dirname(program), "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N"]
        subprocess.run([*initdb, "-E", "UTF8", "--locale=C"], check=True, capture_output=True, user=user, cwd="/")
        port = free_port()
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        argv = [program, "-D", data, "-p", str(port), "-k", base, "-c", "listen_addresses=127.0.0.1"]
        argv += ["-c", "fsync=off", "-c", "max_prepared_transactions=10"]

        def answers() -> bool:
            try:
                psycopg.connect(url, connect_timeout=5).close()
            except psycopg.OperationalError:
                return False
            return True

        with running(argv, answers, user=user):
            yield url


@contextmanager
def redis() -> Iterator[str]:
    """Run Redis; give its URL."""
    program = shutil.which("redis-server")
    assert program, "Redis is needed: `make test` installs it"
    port = free_port()
    argv = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with running(argv, lambda: listens(port)):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def s3() -> Iterator[str]:
    """Run moto's server; give the URL of its endpoint."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", MOTO],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
