"""HTTP requests as handlers: against a real server that answers, stalls, drips, and hangs up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processender.core.retry import Retry
from processender.engine.clock import SystemClock
from processender.engine.context import Context
from processender.engine.dependencies import Dependencies
from processender.errors import CircuitOpenError, HandlerError, Permanent, Transient
from processender.integrations.http import HTTPStatusRefused, HTTPStatusTransient, http
from tests.integration.agents import agent

Script = Callable[[socket.socket], None]


class Server:
    """One connection after the other: the head of the request is kept, and a script answers."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.script: Script = says(204)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is, with a secret in the query."""
        return f"http://127.0.0.1:{self.port}/path?token=secret"

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self.over.is_set():
                client.close()
                return
            with client:
                data = b""
                while b"\r\n\r\n" not in data and (part := client.recv(4096)):
                    data += part
                head, _, body = data.partition(b"\r\n\r\n")
                wanted = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                while len(body) < wanted:
                    body += client.recv(4096)
                self.heads.append(head)
                self.bodies.append(body)
                try:
                    self.script(client)
                except OSError:
                    continue

    def close(self) -> None:
        """Stop."""
        self.over.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


def says(status: int, *fields: str, body: bytes = b"") -> Script:
    """Return a script that answers properly."""

    def answer(client: socket.socket) -> None:
        lines = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(body)}", *fields, "", ""]
        client.sendall("\r\n".join(lines).encode() + body)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve on a free port."""
    served = Server()
    yield served
    served.close()


CLOCK = SystemClock()


def context(seconds: float = 10.0, dependencies: Dependencies | None = None, name: str = "tell") -> Context:
    """Return the context of an attempt that has this long."""
    return Context(
        handler=name, cause="SIGTERM", run="run-1", attempt=1, until=CLOCK.now() + seconds, clock=CLOCK,
        dependencies=dependencies or Dependencies(CLOCK), is_async=False,
    )  # fmt: skip


class TestRequests:
    def test_it_sends_what_was_written_down(self, server: Server) -> None:
        """Method, target, fields and body."""
        http("PUT", server.url, headers={"X-One": "1"}, body='{"a": 1}')(context())
        head = server.heads[0]

        assert head.startswith(b"PUT /path?token=secret HTTP/1.1\r\n")
        assert b"\r\nX-One: 1" in head
        assert b"\r\nContent-Length: 8" in head
        assert b"\r\nConnection: close" in head
        assert b'{"a": 1}' == server.bodies[0]

    def test_every_attempt_carries_the_same_key(self, server: Server) -> None:
        """So that the server can tell a repetition."""
        send = http("POST", server.url)
        for _ in range(2):
            send(context())

        assert [True, True] == [b"\r\nIdempotency-Key: run-1/tell" in head for head in server.heads]

    def test_a_name_in_any_script_makes_a_key_that_can_be_sent(self, server: Server) -> None:
        """A header field is ASCII."""
        http("POST", server.url)(context(name="löschen"))

        assert b"\r\nIdempotency-Key: run-1/l%C3%B6schen" in server.heads[0]

    @pytest.mark.parametrize("expect", [(), (204,), [200, 204]])
    def test_what_was_expected_is_done(self, server: Server, expect: tuple[int, ...]) -> None:
        """By default everything from 200 to 299."""
        http("POST", server.url, expect=expect)(context())

        assert 1 == len(server.heads)

    @pytest.mark.parametrize(
        ("method", "url", "headers"),
        [("GET", "ftp://h/", {}), ("GET", "h:80", {}), ("GET", "http:///", {}), ("GET", "http://h/", {"a": "b\nc"})],
    )
    def test_nonsense_is_refused_at_once(self, method: str, url: str, headers: dict[str, str]) -> None:
        """Not at the end."""
        with pytest.raises(HandlerError, match=r"^cannot send "):
            http(method, url, headers=headers)


class TestAnswers:
    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_some_refusals_may_pass(self, server: Server, status: int) -> None:
        """A retry policy repeats them."""
        server.script = says(status)
        with pytest.raises(HTTPStatusTransient) as caught:
            http("POST", server.url)(context())

        assert status == caught.value.status
        assert Retry(attempts=2).may_pass(caught.value)

    @pytest.mark.parametrize("status", [200, 301, 302, 304, 400, 401, 403, 404, 409, 410, 422, 501, 505])
    def test_the_others_are_final(self, server: Server, status: int) -> None:
        """A redirect is one of them, and so is a success that was not expected."""
        server.script = says(status, "Location: /elsewhere")
        with pytest.raises(HTTPStatusRefused) as caught:
            http("POST", server.url, expect=(202,))(context())

        assert status == caught.value.status
        assert not Retry(attempts=2).may_pass(caught.value)

    def test_which_may_pass_can_be_said(self, server: Server) -> None:
        """Some servers answer 404 before they are warm."""
        server.script = says(404)
        with pytest.raises(HTTPStatusTransient):
            http("POST", server.url, transient=(404,))(context())

    def test_the_error_says_what_was_answered_and_hides_the_query(self, server: Server) -> None:
        """A query may hold a secret."""
        server.script = says(403, body=b"not\nallowed")
        with pytest.raises(HTTPStatusRefused) as caught:
            http("POST", server.url)(context())

        assert str(caught.value).endswith("/path was answered with 403 Because: not allowed")
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            (["Retry-After: 7"], 7.0),
            (["Retry-After: Wed, 21 Oct 2026 07:28:09 GMT", "Date: Wed, 21 Oct 2026 07:28:00 GMT"], 9.0),
            (["Retry-After: Wed, 21 Oct 2026 07:27:00 GMT", "Date: Wed, 21 Oct 2026 07:28:00 GMT"], 0.0),
            (["Retry-After: soon"], None),
            (["Retry-After: -1"], None),
            (["Retry-After: Wed, 21 Oct 2026 07:28:09 GMT"], None),
            ([], None),
        ],
    )
    def test_the_pause_that_was_asked_for_is_taken_over(
        self, server: Server, fields: list[str], expected: float | None
    ) -> None:
        """In seconds, or as a date by the server's own clock."""
        server.script = says(503, *fields)
        with pytest.raises(HTTPStatusTransient) as caught:
            http("POST", server.url)(context())

        assert expected == caught.value.retry_after

    def test_a_flood_is_not_read_to_its_end(self, server: Server) -> None:
        """The status is known by then."""

        def flood(client: socket.socket) -> None:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not server.over.is_set():
                client.sendall(b"x" * 65536)

        server.script = flood
        http("POST", server.url)(context())

        assert 1 == len(server.heads)


def test_an_agent_sends_it(server: Server, tmp_path: Path) -> None:
    """From its configuration, with a secret from the environment, after the command has ended."""
    file = tmp_path / "pe.toml"
    fields = 'headers_env = { Authorization = "TOKEN" }, expect = [204]'
    file.write_text(f'[handlers.tell]\nhttp = {{ method = "PUT", url = "{server.url}", {fields} }}\n')
    with agent(["-c", str(file)], ["true"], TOKEN="Bearer hunter2") as program:
        program.wait()
        report = program.report()

    assert "done" == report["handlers"][-1]["outcome"]
    assert b"\r\nAuthorization: Bearer hunter2" in server.heads[0]
    assert f"\r\nIdempotency-Key: {report['id']}/tell\r\n".encode() in server.heads[0]
    assert "hunter2" not in str(report)


class TestFailures:
    def test_a_refused_connection_may_pass(self) -> None:
        """The server may be starting."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(Transient, match=r"cannot POST http://127.0.0.1:\d+/x: .*refused"):
            http("POST", f"http://127.0.0.1:{port}/x")(context())

    @pytest.mark.parametrize(
        "said", [b"", b"HTTP", b"HTTP/1.1 2", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b" * 9000]
    )
    def test_an_answer_that_breaks_off_may_pass(self, server: Server, said: bytes) -> None:
        """Nobody knows what became of the request."""
        server.script = lambda client: client.sendall(said)
        with pytest.raises(Transient):
            http("POST", server.url)(context())

    def test_a_certificate_that_is_not_trusted_is_final(self) -> None:
        """It will not be trusted in a second either."""
        ssl = pytest.importorskip("ssl")
        error = ssl.SSLCertVerificationError(1, "self-signed")

        def fail(_limit: float) -> object:
            raise error

        send = http("POST", "https://localhost:1/")
        request = send.__closure__[2].cell_contents  # type: ignore[attr-defined]
        assert "Request" == type(request).__name__
        connection = request.connect(1.0)
        connection.connect = lambda: fail(0)
        request.connect = lambda _limit: connection
        with pytest.raises(Permanent, match="its certificate is not trusted"):
            send(context())

    @pytest.mark.parametrize("drip", [b"", b"H", b"HTTP/1.1 200 OK\r\nA: b\r\n"])
    def test_a_server_that_stalls_is_left_in_time(self, server: Server, drip: bytes) -> None:
        """Whatever it has said until then."""

        def stall(client: socket.socket) -> None:
            client.sendall(drip)
            server.over.wait(5)

        server.script = stall
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            http("POST", server.url)(context(0.3))
        took = time.monotonic() - began
        server.over.set()

        assert took < 4

    def test_one_byte_now_and_then_does_not_hold_it(self, server: Server) -> None:
        """The limit is on the whole, not on each read."""

        def drip(client: socket.socket) -> None:
            client.sendall(b"HTTP/1.1 200 OK\r\n")
            while not server.over.wait(0.05):
                client.sendall(b"A: b\r\n")

        server.script = drip
        began = time.monotonic()
        with pytest.raises((TimeoutError, Transient)):
            http("POST", server.url)(context(0.3))

        assert time.monotonic() - began < 30

    def test_a_cancellation_ends_it_at_once(self, server: Server) -> None:
        """The thread that reads comes back."""
        ctx = context(30)
        asked = threading.Event()

        def stall(_client: socket.socket) -> None:
            asked.set()
            server.over.wait(5)

        def cancel() -> None:
            asked.wait(5)
            ctx.cancel()

        server.script = stall
        canceller = threading.Thread(target=cancel)
        canceller.start()
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="no answer in time"):
            http("POST", server.url)(ctx)
        took = time.monotonic() - began
        server.over.set()
        canceller.join()

        assert took < 4

    def test_a_server_that_keeps_failing_is_left_alone(self, server: Server) -> None:
        """By everybody who calls it."""
        server.script = says(503)
        shared = Dependencies(CLOCK)
        for _ in range(5):
            with pytest.raises(HTTPStatusTransient):
                http("POST", server.url)(context(dependencies=shared))
        with pytest.raises(CircuitOpenError):
            http("GET", server.url)(context(dependencies=shared, name="other"))

        assert 5 == len(server.heads)
