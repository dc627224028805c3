"""Servers to stand behind a balancer: they answer with their name, and hold a request for as long as a test wants."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Upstream:
    """One server: `/hold` is answered when `let_go` is set, `/readyz` by what `ready` says, all else with its name."""

    def __init__(self, name: str) -> None:
        """Listen."""
        self.name = name
        self.ready = True
        self.let_go = threading.Event()
        self.held = threading.Semaphore(0)
        """Released for each request that has begun to be held."""
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/hold":
                    upstream.held.release()
                    upstream.let_go.wait(60)
                ready = upstream.ready or self.path != "/readyz"
                self.send_response(200 if ready else 503)
                body = upstream.name.encode()
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, *_args: object) -> None:
                """A peer that goes away is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextmanager
def upstreams(*names: str) -> Iterator[list[Upstream]]:
    """Run one server of each name."""
    with ExitStack() as stack:
        found = [Upstream(name) for name in names]
        for each in found:
            stack.callback(each.close)
        yield found


def get(port: int, path: str = "/") -> str:
    """Return who answered at *port*, by a connection of its own; the status if it was not 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.read().decode()
        return said if answer.status == 200 else str(answer.status)
    finally:
        connection.close()


def who(port: int, requests: int = 12) -> set[str]:
    """Return who answers *requests* requests."""
    return {get(port) for _ in range(requests)}


class Held:
    """A request to `/hold`, on a thread of its own; a context manager that waits for its answer."""

    def __init__(self, port: int, *whose: Upstream) -> None:
        """Send it, and wait until one of *whose* has it."""
        self.answer = ""
        self._thread = threading.Thread(target=self._ask, args=(port,), daemon=True)
        self._thread.start()
        self.at = next(each for _ in range(6000) for each in whose if each.held.acquire(timeout=0.01))
        """Who has it."""

    def _ask(self, port: int) -> None:
        self.answer = get(port, "/hold")

    def finish(self) -> str:
        """Let it go and return the answer."""
        self.at.let_go.set()
        self._thread.join(30)
        return self.answer


@contextmanager
def mute(*, accept: bool = True) -> Iterator[socket.socket]:
    """Listen on a free port of the loopback, take connections, and say nothing, ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        taken: list[socket.socket] = []

        def take() -> None:
            try:
                while accept:
                    taken.append(listener.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for each in taken:
                each.close()
