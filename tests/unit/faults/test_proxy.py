"""A proxy that is a bad network, between a client and a server in this process."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from processender.faults.line import FaultError, Line
from processender.faults.proxy import TcpProxy

from ...waits import until

SHORT_S = 0.2
"""How long a test waits for what must not come."""


class Echo(socketserver.ThreadingTCPServer):
    """A server that sends everything back, and keeps how each connection ended."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EchoOnce)
        self.ends: list[str] = []
        self.begun = 0

    @property
    def place(self) -> str:
        """Where it is."""
        return f"127.0.0.1:{self.server_address[1]}"


class EchoOnce(socketserver.BaseRequestHandler):
    """One connection of the server."""

    server: Echo

    def handle(self) -> None:
        """Send back what comes."""
        self.server.begun += 1
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError as error:
            self.server.ends.append(type(error).__name__)
        else:
            self.server.ends.append("end")


@pytest.fixture
def echo() -> Iterator[Echo]:
    """Yield a server that runs."""
    with Echo() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    """Yield a proxy in front of the server."""
    with TcpProxy(echo.place) as proxy:
        yield proxy


def client_of(proxy: TcpProxy) -> socket.socket:
    """Return a connection to the proxy."""
    return socket.create_connection((proxy.host, proxy.port), 10.0)


def said(client: socket.socket, text: bytes) -> bytes:
    """Say something, and return as much of an answer."""
    client.sendall(text)
    found = b""
    while len(found) < len(text) and (piece := client.recv(65536)):
        found += piece
    return found


def is_silent(client: socket.socket) -> bool:
    """Tell whether nothing comes for a short while, no end either."""
    client.settimeout(SHORT_S)
    try:
        client.recv(1)
    except TimeoutError:
        client.settimeout(10.0)
        return True
    return False


def test_an_open_line_changes_nothing(proxy: TcpProxy, echo: Echo) -> None:
    """Both directions, the end of each, and the counts."""
    with client_of(proxy) as client:
        answer = said(client, b"hello")
        client.shutdown(socket.SHUT_WR)
        rest = client.recv(1)

    assert (b"hello", b"") == (answer, rest)
    assert until(lambda: echo.ends) == ["end"]
    until(lambda: proxy.open == 0)
    assert (1, (5, 5)) == (proxy.connections, proxy.passed)


def test_much_goes_through_while_nobody_reads(proxy: TcpProxy) -> None:
    """A side that is slow slows the other one, and nothing is lost."""
    much = bytes(range(256)) * 40_000
    with client_of(proxy) as client:
        sender = threading.Thread(target=client.sendall, args=(much,), daemon=True)
        sender.start()
        found = bytearray()
        while len(found) < len(much) and (piece := client.recv(65536)):
            found += piece
        sender.join()

    assert much == bytes(found)


def test_latency_holds_for_each_direction(proxy: TcpProxy) -> None:
    """There and back takes twice as long, and what was sent first comes first."""
    proxy.latency(0.1)
    with client_of(proxy) as client:
        begun = time.monotonic()
        answer = said(client, b"hello")
        took = time.monotonic() - begun

    assert b"hello" == answer
    assert took >= 0.2


def test_jitter_never_lets_one_piece_overtake_another(echo: Echo) -> None:
    """As in TCP."""
    numbers = b"".join(b"%03d" % number for number in range(100))
    with TcpProxy(echo.place, line=Line(jitter=0.02), seed=7) as proxy, client_of(proxy) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(numbers), 3):
            client.sendall(numbers[at : at + 3])
        found = b""
        while len(found) < len(numbers):
            found += client.recv(4096)

    assert numbers == found


def test_a_reset_breaks_both_sides_and_those_who_come_later(proxy: TcpProxy, echo: Echo) -> None:
    """Until the line is healed."""
    with client_of(proxy) as client, client_of(proxy) as later:
        said(client, b"hello")
        said(later, b"hello")
        proxy.reset()
        with pytest.raises(ConnectionError):
            client.recv(1)
    with pytest.raises(ConnectionError), client_of(proxy) as new:
        new.sendall(b"hello")
        new.recv(1)
    until(lambda: echo.ends == ["ConnectionResetError"] * 2)
    assert 2 == echo.begun
    proxy.heal()
    with client_of(proxy) as healed:
        assert b"again" == said(healed, b"again")


def test_a_reset_may_come_in_the_midst_of_an_answer(proxy: TcpProxy) -> None:
    """So many bytes come to the client, and not one more."""
    with client_of(proxy) as client:
        said(client, b"before")
        proxy.reset(after=1000)
        found = b""
        client.sendall(b"x" * 5000)
        with pytest.raises(ConnectionError):
            while True:
                found += client.recv(4096)
    until(lambda: proxy.open == 0)

    assert 1006 == proxy.passed[1]
    assert len(found) <= 1000


def test_a_black_hole_swallows_and_gives_back_when_it_is_healed(proxy: TcpProxy) -> None:
    """Nobody hears of it; what was sent comes late, as with packets that are sent again."""
    with client_of(proxy) as client:
        said(client, b"hello")
        proxy.black_hole()
        client.sendall(b"lost?")
        assert is_silent(client)
        proxy.heal()

        assert b"lost?" == client.recv(64)


def test_a_black_hole_lets_new_connections_hang(proxy: TcpProxy) -> None:
    """The kernel of the client waits for an answer to its first packet."""
    proxy.black_hole()
    with pytest.raises(TimeoutError):
        socket.create_connection((proxy.host, proxy.port), SHORT_S)
    proxy.heal()
    with client_of(proxy) as client:
        assert b"hello" == said(client, b"hello")


def test_a_client_that_hung_gets_through_when_the_line_is_healed(proxy: TcpProxy) -> None:
    """It knocks again, as kernels do."""
    proxy.black_hole()
    with socket.socket() as client:
        client.settimeout(20.0)
        knocks = threading.Thread(target=client.connect, args=((proxy.host, proxy.port),), daemon=True)
        knocks.start()
        assert proxy.connections == 0
        proxy.heal()
        knocks.join()

        assert b"hello" == said(client, b"hello")


def test_a_half_open_line_tells_the_client_nothing(proxy: TcpProxy, echo: Echo) -> None:
    """The server is gone, and who asks it waits; when it is back it says that it knows of nothing."""
    with client_of(proxy) as client:
        said(client, b"hello")
        proxy.half_open()
        assert until(lambda: echo.ends) == ["ConnectionResetError"]
        client.sendall(b"anybody?")
        assert is_silent(client)
        with client_of(proxy) as new:
            assert is_silent(new)
            assert 1 == echo.begun
        proxy.heal()
        with pytest.raises(ConnectionError):
            client.recv(1)


def test_a_half_open_line_may_have_lost_its_client(proxy: TcpProxy, echo: Echo) -> None:
    """The server keeps a connection on which nobody is; others come as before."""
    with client_of(proxy) as client:
        said(client, b"hello")
        proxy.half_open(gone="client")
        with pytest.raises(ConnectionError):
            client.recv(1)
        with client_of(proxy) as new:
            assert b"hello" == said(new, b"hello")
        until(lambda: echo.ends == ["end"])
        until(lambda: 1 == proxy.open)


def test_the_end_of_a_connection_may_come_late(proxy: TcpProxy) -> None:
    """Its last byte comes at once, its end does not."""
    proxy.slow_close(SHORT_S)
    with client_of(proxy) as client:
        begun = time.monotonic()
        client.sendall(b"bye")
        client.shutdown(socket.SHUT_WR)
        assert b"bye" == client.recv(64)
        assert b"" == client.recv(1)

        assert time.monotonic() - begun >= SHORT_S


def test_a_door_that_is_shut_keeps_its_port(proxy: TcpProxy) -> None:
    """New connections are refused, those that are there go on, and it opens again in the same place."""
    port = proxy.port
    with client_of(proxy) as client:
        said(client, b"hello")
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            client_of(proxy)
        assert b"still" == said(client, b"still")
    proxy.heal()
    with client_of(proxy) as new:
        assert b"again" == said(new, b"again")

    assert port == proxy.port


def test_a_server_that_is_not_there_breaks_the_connection() -> None:
    """The proxy goes on, for the server may come."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with TcpProxy(f"127.0.0.1:{taken.getsockname()[1]}") as proxy:
            for _ in range(2):
                with pytest.raises(ConnectionError), client_of(proxy) as client:
                    client.sendall(b"hello")
                    client.recv(1)


def test_a_proxy_wants_to_know_the_port() -> None:
    """What to write is said."""
    with pytest.raises(FaultError, match="HOST:PORT"):
        TcpProxy("localhost")


def test_nothing_is_left_behind(echo: Echo) -> None:
    """Neither a thread, nor a connection, nor the port."""
    with TcpProxy(echo.place) as proxy, client_of(proxy) as client:
        said(client, b"hello")
        proxy.black_hole()
    assert not [each for each in threading.enumerate() if each.name == "processender-proxy"]
    with pytest.raises(ConnectionRefusedError):
        client_of(proxy)
    with pytest.raises(FaultError, match="does not run"):
        proxy.heal()
