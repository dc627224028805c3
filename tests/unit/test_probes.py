"""The probe face: what it answers, and what it does not let anybody do to it."""

from __future__ import annotations

import random
import select
import socket
import threading
from collections.abc import Iterator

import pytest

from processender.agent import probes, wire
from processender.agent.errors import ProbeError
from processender.agent.health import Health
from processender.agent.probes import CLIENTS, ProbeServer, parse_address
from processender.agent.wire import HEAD_BYTES, Wire
from processender.engine.clock import SystemClock
from processender.testing.clock import VirtualClock

Served = tuple[ProbeServer, VirtualClock, socket.socket]
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


def healthy() -> Health:
    """Return what is told of a command that runs."""
    health = Health()
    health.running = True
    return health


def answer(request: bytes, health: Health | None = None) -> bytes:
    """Return what comes back for *request*, sent in one piece."""
    talk = Wire(health or healthy())
    talk.feed(request)
    return bytes(talk.output)


def status(request: bytes, health: Health | None = None) -> int:
    """Return the status that comes back for *request*."""
    return int(answer(request, health).split(b" ")[1])


class TestAnswers:
    @pytest.mark.parametrize(
        ("running", "draining", "livez", "readyz"),
        [(False, False, 200, 503), (True, False, 200, 200), (True, True, 200, 503), (False, True, 200, 503)],
    )
    def test_ready_is_who_runs_and_does_not_drain(self, running: bool, draining: bool, livez: int, readyz: int) -> None:
        """Alive is everybody."""
        health = Health()
        health.running, health.draining = running, draining

        assert livez == status(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", health)
        assert readyz == status(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", health)

    @pytest.mark.parametrize(
        ("request_head", "expected"),
        [
            (b"GET /livez HTTP/1.1\r\nHost: x", 200),
            (b"GET /livez?verbose=1 HTTP/1.1\r\nHost: x", 200),
            (b"GET http://x/livez HTTP/1.1\r\nHost: x", 200),
            (b"GET /livez HTTP/1.0", 200),
            (b"HEAD /readyz HTTP/1.1\r\nHost: x", 200),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 0", 200),
            (b"\r\n\r\nGET /livez HTTP/1.1\r\nHost: x", 200),
            (b"GET / HTTP/1.1\r\nHost: x", 404),
            (b"GET /livez/ HTTP/1.1\r\nHost: x", 404),
            (b"GET /../livez HTTP/1.1\r\nHost: x", 404),
            (b"GET /%6civez HTTP/1.1\r\nHost: x", 404),
            (b"GET * HTTP/1.1\r\nHost: x", 404),
            (b"POST /livez HTTP/1.1\r\nHost: x", 405),
            (b"BREW /readyz HTTP/1.1\r\nHost: x", 405),
            (b"GET /livez HTTP/1.1", 400),
            (b"GET /livez", 400),
            (b"GET  /livez HTTP/1.1\r\nHost: x", 400),
            (b"GET /li\x00vez HTTP/1.1\r\nHost: x", 400),
            (b"GET /livez HTTP/1.1\r\nHost : x", 400),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\n folded: y", 400),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y", 400),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5", 400),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0", 400),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: +0", 400),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", 400),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\nA: b\rc", 400),
            (b"GET /livez HTTP/2.0\r\nHost: x", 505),
            (b"GET /livez HTTQ/1.1\r\nHost: x", 400),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
            (b"GET /" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\nHost: x", 431),
        ],
    )
    def test_each_request_gets_its_status(self, request_head: bytes, expected: int) -> None:
        """And nothing is guessed about what is malformed."""
        assert expected == status(request_head + b"\r\n\r\n")

    def test_a_line_feed_alone_ends_a_line(self) -> None:
        """A person with netcat types it."""
        assert 200 == status(b"GET /livez HTTP/1.1\nHost: x\n\n")

    def test_head_gets_no_body(self) -> None:
        """But the length that it would have."""
        said = answer(b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n")

        assert b"Content-Length: 3\r\n" in said
        assert said.endswith(b"\r\n\r\n")

    def test_405_tells_what_is_allowed(self) -> None:
        """RFC 9110 section 15.5.6 demands it."""
        assert b"Allow: GET, HEAD\r\n" in answer(b"PUT /livez HTTP/1.1\r\nHost: x\r\n\r\n")

    @pytest.mark.parametrize(
        ("head", "closes"),
        [
            (b"GET /livez HTTP/1.1\r\nHost: x", False),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Close", True),
            (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close", True),
            (b"GET /livez HTTP/1.0", True),
            (b"GET /livez HTTP/1.0\r\nConnection: keep-alive", False),
            (b"POST /livez HTTP/1.1\r\nHost: x", False),
            (b"nonsense", True),
        ],
    )
    def test_the_connection_is_kept_as_the_client_wishes(self, head: bytes, closes: bool) -> None:
        """And closed after what was not understood."""
        talk = Wire(healthy())
        talk.feed(head + b"\r\n\r\n")

        assert closes == talk.closing
        assert (b"Connection: close" in talk.output) == closes


class TestLimits:
    def test_requests_in_one_packet_are_answered_in_order(self) -> None:
        """Pipelining is safe, and the path of each counts."""
        talk = Wire(healthy())
        talk.feed(GET + GET.replace(b"livez", b"nope") + GET)

        assert [b"200", b"404", b"200"] == [part[:3] for part in bytes(talk.output).split(b"HTTP/1.1 ")[1:]]

    def test_nothing_is_answered_after_a_mistake(self) -> None:
        """What follows it could be read in two ways."""
        talk = Wire(healthy())
        talk.feed(b"nonsense\r\n\r\n" + GET)

        assert 1 == talk.answered

    def test_answers_do_not_pile_up(self) -> None:
        """A client that sends and never reads is not listened to any more."""
        talk = Wire(healthy())
        for _ in range(10_000):
            talk.feed(GET[: talk.wants] if talk.wants else b"")

        assert 0 == talk.wants
        assert len(talk.output) < 2 * wire.ANSWERS_BYTES

    def test_it_goes_on_when_the_answers_are_read(self) -> None:
        """What was received meanwhile is answered."""
        talk = Wire(healthy())
        talk.feed(GET * 100)
        answered = 0
        while talk.output:
            answered += bytes(talk.output).count(b"HTTP/1.1 200")
            talk.output.clear()
            talk.proceed()

        assert 100 == answered

    def test_a_byte_at_a_time_is_as_good(self) -> None:
        """However the packets fall."""
        talk = Wire(healthy())
        for byte in GET:
            talk.feed(bytes([byte]))

        assert answer(GET) == bytes(talk.output)

    def test_a_head_that_never_ends_is_cut_at_its_limit(self) -> None:
        """One byte more than is allowed is enough to say so."""
        talk = Wire(healthy())
        while talk.wants:
            talk.feed(b"a" * min(100, talk.wants))

        assert talk.output.startswith(b"HTTP/1.1 431 ")
        assert talk.closing

    @pytest.mark.parametrize("seed", range(200))
    def test_random_bytes_do_no_harm(self, seed: int) -> None:
        """Every answer has a known status, memory is bounded, and nothing is raised."""
        chance = random.Random(seed)
        pieces = [
            GET,
            b"GET ",
            b"/livez",
            b" HTTP/1.1",
            b"\r\n",
            b"\n",
            b"\r",
            b"Host: x",
            b":",
            b"\0",
            b"\xff" * 9,
            b" ",
        ]
        talk = Wire(healthy())
        for _ in range(chance.randrange(200)):
            piece = chance.choice(pieces) if chance.random() < 0.8 else chance.randbytes(chance.randrange(40))
            talk.feed(piece[: talk.wants])
            assert len(talk._input) <= HEAD_BYTES + 1
        heads = bytes(talk.output).split(b"HTTP/1.1 ")[1:]

        assert all(int(head[:3]) in wire._REASONS for head in heads)


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("127.0.0.1:8080", ("127.0.0.1", 8080)),
            (":80", ("", 80)),
            ("[::1]:0", ("::1", 0)),
            ("localhost:1", ("localhost", 1)),
        ],
    )
    def test_an_address_is_a_host_and_a_port(self, text: str, expected: tuple[str, int]) -> None:
        """IPv6 in brackets, every address as nothing."""
        assert expected == parse_address(text)

    @pytest.mark.parametrize("text", ["", "80", "h:", "h:x", "h:70000", "h:-1", "::1:80", "[::1:80", "a b:1", "h:²"])
    def test_anything_else_is_refused(self, text: str) -> None:
        """With an example of what is meant."""
        with pytest.raises(ValueError, match=r"write it like|from 0 to 65535"):
            parse_address(text)


@pytest.fixture
def server() -> Iterator[ProbeServer]:
    """Serve on a free port."""
    served = ProbeServer("127.0.0.1:0", healthy(), SystemClock())
    served.start()
    yield served
    served.close()


def connect(server: ProbeServer) -> socket.socket:
    """Return a connection to *server*."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def read_all(client: socket.socket) -> bytes:
    """Return everything up to the end of the connection."""
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


class TestServer:
    def test_it_answers(self, server: ProbeServer) -> None:
        """Over a real socket."""
        with connect(server) as client:
            client.sendall(GET)

            assert client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")

    def test_a_connection_serves_many_requests(self, server: ProbeServer) -> None:
        """As kubelets and balancers do."""
        with connect(server) as client:
            for _ in range(50):
                client.sendall(GET)
                assert b"200 OK" in client.recv(4096)

    def test_the_answer_arrives_although_the_client_closed_its_half(self, server: ProbeServer) -> None:
        """`printf ... | nc` does that."""
        with connect(server) as client:
            client.sendall(GET)
            client.shutdown(socket.SHUT_WR)

            assert read_all(client).startswith(b"HTTP/1.1 200 OK\r\n")

    def test_a_refusal_arrives_although_more_was_sent(self, server: ProbeServer) -> None:
        """Closing at once would reset the connection and take the answer along."""
        with connect(server) as client:
            client.sendall(b"x" * 100_000)
            client.shutdown(socket.SHUT_WR)

            assert read_all(client).startswith(b"HTTP/1.1 431 ")

    def test_many_idle_clients_do_not_keep_a_new_one_out(self, server: ProbeServer) -> None:
        """The one that has been there longest goes."""
        idle = [connect(server) for _ in range(2 * CLIENTS)]
        with connect(server) as client:
            client.sendall(GET)
            said = client.recv(4096)
        readable = select.select(idle, [], [], 5)[0]
        for each in idle:
            each.close()

        assert b"200 OK" in said
        assert readable

    def test_a_reset_does_no_harm(self, server: ProbeServer) -> None:
        """Clients vanish in every way."""
        for _ in range(100):
            client = connect(server)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.sendall(GET[:7])
            client.close()
        with connect(server) as client:
            client.sendall(GET)

            assert b"200 OK" in client.recv(4096)

    @pytest.mark.parametrize("seed", range(3))
    def test_noise_from_many_sides_does_not_stop_it(self, server: ProbeServer, seed: int) -> None:
        """Four clients send random bytes while one asks."""

        def noise(number: int) -> None:
            chance = random.Random(100 * seed + number)
            for _ in range(30):
                try:
                    with connect(server) as client:
                        client.sendall(chance.choice([GET, b""]) * chance.randrange(99) + chance.randbytes(3000))
                except OSError:
                    continue

        threads = [threading.Thread(target=noise, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            with connect(server) as client:
                client.sendall(GET)
                assert b"200 OK" in client.recv(4096)
        for thread in threads:
            thread.join()

    def test_a_taken_port_is_said_with_the_next_step(self, server: ProbeServer) -> None:
        """Before the command is started."""
        with pytest.raises(ProbeError, match=r"cannot listen on .*; choose another --probe-listen"):
            ProbeServer(f"127.0.0.1:{server.port}", healthy(), SystemClock())

    def test_every_address_is_both_families(self) -> None:
        """A pod may have either."""
        served = ProbeServer(":0", healthy(), SystemClock())
        served.start()
        with connect(served) as client:
            client.sendall(GET)
            said = client.recv(4096)
        served.close()

        assert b"200 OK" in said


class TestPatience:
    """The clock is virtual; the server's own steps are taken by hand, without its thread."""

    @pytest.fixture
    def served(self) -> Iterator[Served]:
        """Yield a server, its clock and one client that it has accepted."""
        clock = VirtualClock()
        server = ProbeServer("127.0.0.1:0", healthy(), clock)
        with connect(server) as client:
            server._accept(clock.now())
            yield server, clock, client
        for each in list(server._clients.values()):
            server._drop(each)
        server._listener.close()

    def step(self, server: ProbeServer, clock: VirtualClock) -> None:
        """Let the server look at its clients once, at the time it is."""
        for each in list(server._clients.values()):
            server._attend(each, clock.now())
        server._expire(clock.now())

    def test_a_slow_request_is_cut(self, served: Served) -> None:
        """However steadily its bytes drip."""
        server, clock, client = served
        for byte in GET[:6]:
            client.sendall(bytes([byte]))
            clock.advance(1)
            self.step(server, clock)

        assert client.recv(4096).startswith(b"HTTP/1.1 408 ")

    def test_a_silent_client_is_let_go_without_a_word(self, served: Served) -> None:
        """It has asked nothing."""
        server, clock, client = served
        clock.advance(probes.PATIENCE_S)
        self.step(server, clock)

        assert b"" == client.recv(4096)

    def test_each_request_has_its_own_time(self, served: Served) -> None:
        """A connection that asks every 4 s lives on."""
        server, clock, client = served
        for _ in range(5):
            clock.advance(4)
            client.sendall(GET)
            self.step(server, clock)
            assert b"200 OK" in client.recv(4096)

    def test_one_that_lingers_is_let_go(self, served: Served) -> None:
        """It was told that the connection ends."""
        server, clock, client = served
        client.sendall(b"nonsense\r\n\r\n")
        self.step(server, clock)
        clock.advance(probes.LINGER_S)
        self.step(server, clock)

        assert {} == server._clients
        assert client.recv(4096).startswith(b"HTTP/1.1 400 ")
