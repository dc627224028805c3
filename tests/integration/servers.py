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
from typing import NamedTuple

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


class Nut(NamedTuple):
    """Where the real upsd is, and what it stands on."""

    port: int
    """Its port."""
    driver: int
    """The process of the driver of its UPS, which is named `rack`."""
    upsd: int
    """Its own process."""


@contextmanager
def nut() -> Iterator[Nut]:
    """Run upsd of Network UPS Tools over `dummy-ups`, with the users `shop`, who looks, and `boss`, who may all."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="processender-nut-") as base:
        files = {
            "ups.conf": "maxretry = 1\n[rack]\ndriver = dummy-ups\nport = rack.dev\nmode = dummy-once\npollinterval = 1\n",
            "rack.dev": 'ups.status: OL\nbattery.charge: 100\nups.mfr: "A \\"B\\""\n',
            "upsd.conf": f"LISTEN 127.0.0.1 {port}\nMAXAGE 2\n",
            "upsd.users": "[shop]\npassword = shop-secret\nupsmon secondary\n"
            "[boss]\npassword = boss-secret\nupsmon primary\nactions = SET FSD\n",
        }
        for name, text in files.items():
            Path(base, name).write_text(text)
            Path(base, name).chmod(0o600)
        env = ["env", f"NUT_CONFPATH={base}", f"NUT_STATEPATH={base}"]
        driver = [*env, "/lib/nut/dummy-ups", "-a", "rack", "-u", "root", "-F"]
        # /usr/sbin/upsd is a script that refuses while /etc/nut says that this host has none.
        upsd = [*env, "/lib/nut/upsd", "-u", "root", "-F"]
        with (
            running(driver, lambda: Path(base, "dummy-ups-rack").exists()) as of_driver,
            running(upsd, lambda: b'"OL"' in _asked(port, b"GET VAR rack ups.status\n")) as of_upsd,
        ):
            yield Nut(port, of_driver, of_upsd)


def _asked(port: int, line: bytes) -> bytes:
    """Return what is answered to one line, nothing if nobody does."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as client:
            client.sendall(line)
            return client.recv(4096)
    except OSError:
        return b""
