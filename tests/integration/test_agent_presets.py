"""The presets before the real programs: PostgreSQL, nginx and a Java virtual machine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.agents import agent, outcomes, python
from tests.integration.servers import free_port, listens

STARTS_S = 90.0
"""How long a server may take to start, on a machine that has much else to do."""
HUNG = """
public class Hung {
    public static void main(String[] words) throws Exception {
        Thread hook = new Thread(() -> {
            System.out.println("got TERM");
            try { Thread.sleep(600_000); } catch (InterruptedException e) { }
        }, "hook-that-hangs");
        Runtime.getRuntime().addShutdownHook(hook);
        System.out.println("ready");
        Thread.sleep(600_000);
    }
}
"""
STAND_IN = python(
    "import os, signal\n"
    "signal.signal(15, lambda *_: os.write(1, b'got TERM\\n'))\n"
    "signal.signal(3, lambda *_: os.write(1, b'Full thread dump\\n\"hook-that-hangs\" #14\\n'))\n"
    "os.write(1, b'ready\\n')\n"
    "while True: signal.pause()"
)
"""What a JVM whose shutdown hangs does with TERM and QUIT."""


@pytest.fixture(autouse=True)
def _private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the reports of these agents where nobody looks for them."""
    monkeypatch.setenv("PROCESSENDER_STATE", str(tmp_path / "private"))


def await_true(condition: Callable[[], bool], program: Program) -> None:
    """Wait until *condition* holds."""
    gone = threading.Event()
    for _ in range(int(STARTS_S / 0.05)):
        if condition():
            return
        gone.wait(0.05)
    raise AssertionError(program.output)


def found(name: str) -> str:
    """Return the path of a program of the servers."""
    places = [shutil.which(name), f"/usr/sbin/{name}", *map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    path = next((each for each in places if each and os.path.exists(each)), "")
    assert path, f"{name} is needed: `make test` installs it"
    return os.path.realpath(path)


@pytest.fixture
def base() -> Iterator[Path]:
    """Return a directory that servers of another user can reach, which they cannot one of pytest's."""
    with tempfile.TemporaryDirectory(prefix="processender-presets-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def database(base: Path) -> tuple[list[str], int]:
    """Return the command that serves an empty database, and its port."""
    program = found("postgres")
    as_user: list[str] = []
    if os.geteuid() == 0:
        # It refuses to run as root.
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        os.chown(base, pwd.getpwnam("postgres").pw_uid, -1)
    initdb = [os.path.join(os.path.dirname(program), "initdb"), "-D", f"{base}/data", "-U", "postgres", "-A", "trust"]
    subprocess.run([*as_user, *initdb, "-N", "-E", "UTF8", "--locale=C"], check=True, capture_output=True, cwd="/")
    port = free_port()
    serve = [program, "-D", f"{base}/data", "-p", str(port), "-k", str(base), "-c", "listen_addresses=127.0.0.1"]
    return [*as_user, *serve, "-c", "fsync=off"], port


class TestPostgres:
    def test_it_shuts_down_fast_although_a_client_is_connected(self, database: tuple[list[str], int]) -> None:
        """TERM would wait for the client to leave, and the KILL behind it would leave the database to recover."""
        import psycopg

        command, port = database
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        with agent(["--preset", "postgres", "--grace", "90s"], command) as program:
            program.wait_for("ready to accept connections", STARTS_S)
            with psycopg.connect(url) as client:
                client.execute("SELECT 1")
                program.signal("TERM")
                code = program.wait(STARTS_S)
                client.close()
            output = program.output

            assert (0, "done") == (code, outcomes(program)["command"])
        assert "received fast shutdown request" in output
        assert "database system is shut down" in output


class TestNginx:
    def configuration(self, base: Path, port: int) -> list[str]:
        """Return the command of a server whose one file takes about two seconds."""
        (base / "file").write_bytes(b"x" * 40_000)
        (base / "file").chmod(0o644)
        (base / "nginx.conf").write_text(
            f"daemon off; pid {base}/pid; error_log stderr notice; worker_processes 1;\n"
            "events {}\n"
            f"http {{ access_log off; client_body_temp_path {base}/a; proxy_temp_path {base}/b;\n"
            f"fastcgi_temp_path {base}/c; uwsgi_temp_path {base}/d; scgi_temp_path {base}/e;\n"
            f"server {{ listen 127.0.0.1:{port}; root {base}; limit_rate 20000; }} }}\n"
        )
        return [found("nginx"), "-p", str(base), "-c", str(base / "nginx.conf")]

    def test_a_download_comes_to_its_end(self, base: Path) -> None:
        """QUIT lets the workers serve what they have begun; TERM would cut it off."""
        port = free_port()
        with agent(["--preset", "nginx", "--grace", "90s"], self.configuration(base, port)) as program:
            await_true(lambda: listens(port), program)
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                client.settimeout(STARTS_S)
                got = client.recv(65536)
                program.signal("TERM")
                program.wait_for("gracefully shutting down", STARTS_S)
                while data := client.recv(65536):
                    got += data

            assert 0 == program.wait(STARTS_S)
            assert "done" == outcomes(program)["command"]
        assert b"x" * 40_000 == got.partition(b"\r\n\r\n")[2]


def machines(tmp_path: Path) -> Iterator[list[str]]:
    """Yield the commands of which a shutdown hangs: a stand-in, and a real JVM where there is one to compile for."""
    yield STAND_IN
    if shutil.which("javac") and shutil.which("java"):
        source = tmp_path / "Hung.java"
        source.write_text(HUNG)
        subprocess.run(["javac", "-d", str(tmp_path), str(source)], check=True)
        yield ["java", "-Xint", "-XX:+UseSerialGC", "-Xmx32m", "-cp", str(tmp_path), "Hung"]


class TestJava:
    def test_a_shutdown_that_hangs_shows_its_threads_before_the_kill(self, tmp_path: Path) -> None:
        """The dump is in the output, and names the thread that everybody waited for."""
        for command in machines(tmp_path):
            with agent(["--preset", "java", "--grace", "10s"], command) as program:
                program.wait_for("ready", STARTS_S)
                program.signal("TERM")

                assert 137 == program.wait(STARTS_S)
                output = program.output
            assert output.index("got TERM") < output.index("Full thread dump") < output.index("hook-that-hangs")

    def test_the_dump_is_captured_with_the_rest(self) -> None:
        """Each of its lines has its time, and none is lost by the kill."""
        argv = [sys.executable, "-m", "processender", "run", "--capture", "--preset", "java", "--grace", "8s", "--"]
        with Program([*argv, *STAND_IN], cwd="/") as program:
            program.wait_for("ready")
            program.signal("TERM")

            assert 137 == program.wait(STARTS_S)
            assert 'Z stdout "hook-that-hangs" #14\n' in program.output
