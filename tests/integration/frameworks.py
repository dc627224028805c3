"""What the tests of servers share: the examples as programs, a client, and the story that each of them must pass."""

from __future__ import annotations

import http.client
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from processender.testing.processes import Program
from tests.integration.library_programs import LIMIT_S, End, finish
from tests.integration.servers import free_port

ROOT = Path(__file__).parent.parent.parent
TOKEN = "letters and digits".replace(" ", "-")
ORDER = ["readiness", "drain-delay", "body"]


class Served(Program):
    """A program that serves on a port of its own."""

    def __init__(self, argv: list[str], *, port: int = 0, env: Mapping[str, str] | None = None) -> None:
        """Take the argv, in which `PORT` stands for the port."""
        self.port = port or free_port()
        argv = [each.replace("PORT", str(self.port)) for each in argv]
        super().__init__(argv, env={"DRAIN_TOKEN": TOKEN, **(env or {})}, cwd=str(ROOT))

    def until_ready(self) -> Served:
        """Wait until it says that it is ready."""
        for _ in range(int(LIMIT_S / 0.05)):
            try:
                if ask(self.port, "/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            assert self._process is not None
            assert self._process.poll() is None, self.output
            threading.Event().wait(0.05)
        raise AssertionError(f"it never became ready; it wrote:\n{self.output}")

    def wait_for_all(self, text: str, count: int) -> None:
        """Wait until it has written *text* so many times."""
        for _ in range(int(LIMIT_S / 0.05)):
            if self.output.count(text) >= count:
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"it has not written {text!r} {count} times; it wrote:\n{self.output}")


def example(name: str, *args: str, env: Mapping[str, str] | None = None) -> Served:
    """Return the example of that *name*, which serves on its own port."""
    return Served([sys.executable, "-m", f"examples.frameworks.{name}", *(args or ("PORT",))], env=env)


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str], str]:
    """Ask for *path* on a new connection; return the status, the headers by lower-case names, and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        return ask_on(connection, path, method, **headers)
    finally:
        connection.close()


def ask_on(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str
) -> tuple[int, Mapping[str, str], str]:
    """Ask for *path* on *connection*."""
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()


def begun(port: int, path: str) -> socket.socket:
    """Ask for *path* and return the connection, on which nothing was read yet."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    return connection


def rest(connection: socket.socket) -> str:
    """Return what comes on *connection* until it is closed, also by force, and close it."""
    data = b""
    with connection:
        try:
            while more := connection.recv(65536):
                data += more
        except ConnectionResetError:
            data += b" (reset)"
    return data.decode("latin-1")


class Story:
    """What happened between TERM and the end."""

    def __init__(self, served: Served, *, slow: str = "/slow", name: str = "TERM", kept: bool = False) -> None:
        """
        Let a slow request be under way, send the signal, and watch until the process is gone.

        Args:

            served: The program, running.

            slow: What takes longer than the delay.

            name: The signal.

            kept: Whether a connection is kept alive before, and used again while traffic is being left.
        """
        self.readiness: list[object] = []
        """What readiness said, on a new connection each time, without repetitions."""
        self.kept_closes = ""
        """What the answer on the kept connection said of the connection."""
        keeps = http.client.HTTPConnection("127.0.0.1", served.port, timeout=LIMIT_S)
        if kept:
            assert ask_on(keeps, "/")[0] == 200
        connection = begun(served.port, slow)
        self._look(served.port)
        served.signal(name)
        while (said := self._look(served.port)) != "refused":
            if said == 503 and kept and not self.kept_closes:
                self.kept_closes = ask_on(keeps, "/")[1].get("connection", "nothing")
        keeps.close()
        self.answer = rest(connection)
        """The answer to the slow request."""
        self.end: End = finish(served)
        """How the process ended."""
        self.names = [each["name"] for each in self.end.report["handlers"] if each["name"] != "inflight"]
        """The handlers of the report in their order, without what may or may not be there."""

    def _look(self, port: int) -> object:
        said: object
        try:
            said = ask(port, "/readyz")[0]
        except ConnectionRefusedError:
            said = "refused"
        except OSError as error:
            said = type(error).__name__
        if said not in self.readiness[-1:]:
            self.readiness.append(said)
        return said

    def check(self) -> None:
        """Assert what must be so for every server."""
        # Who has connected and was not accepted when the listener closed is reset; that is what the delay is for.
        lost = {"ConnectionResetError", "RemoteDisconnected"}
        assert [200, 503, "refused"] == [said for said in self.readiness if said not in lost]
        assert 200 == self.readiness[0]
        assert self.answer.startswith(("HTTP/1.1 200", "HTTP/1.0 200")), self.answer
        assert ORDER == self.names[:3]
        assert (0, "clean") == (self.end.code, self.end.report["verdict"]), self.end.output
        assert set() == {"signal-stolen", "deaf-server", "not-main-thread"} & {*self.end.troubles}
