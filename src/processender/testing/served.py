"""A server on a free port of the loopback that answers as its heir says, and has the bad days of real ones."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from ..engine.clock import SystemClock

_LOOK_S = 0.02
_LONGEST_S = 60.0


class Asked(NamedTuple):
    """One request, as it came."""

    method: str
    """The method."""
    path: str
    """The path, as it was sent."""
    query: dict[str, list[str]]
    """What stands behind the question mark; a name without a value has an empty one."""
    headers: dict[str, str]
    """The header fields, their names in small letters."""
    body: bytes
    """The body."""


class Told(NamedTuple):
    """One answer."""

    status: int
    """The status code."""
    body: bytes = b""
    """The body."""
    headers: tuple[tuple[str, str], ...] = ()
    """More header fields."""


class Streamed(NamedTuple):
    """One answer that goes on, in parts, until its source ends."""

    parts: Iterator[bytes | None]
    """What is sent, each as it comes; None hangs up."""
    headers: tuple[tuple[str, str], ...] = ()
    """More header fields."""


def as_json(data: Any, status: int = 200) -> Told:
    """Return an answer that is *data*."""
    return Told(status, json.dumps(data).encode(), (("Content-Type", "application/json"),))


class Served:
    """A server; its heir overrides `answer`. Use it as a context manager."""

    def __init__(self, certificate: tuple[str, str] | None = None, unix: str = "") -> None:
        """Listen; with the files of a *certificate* and its key, for https, or at the path of a *unix* socket."""
        self.asked: list[Asked] = []
        """All requests so far."""
        self.lock = threading.RLock()
        """Held while a request is answered."""
        self.delay = 0.0
        """How long each answer takes, seconds."""
        self.flaps = False
        """Whether every other request fails with 503."""
        self.ahead = 0.0
        """How far its clock is ahead of that of this machine, seconds."""
        self._count = 0
        self._faults: list[tuple[str, str, str | int]] = []
        self._over = threading.Event()
        self._unix = unix
        place: Any = unix
        self._server = _UnixServer(place, _Handler) if unix else _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._scheme = "http"
        if certificate is not None:
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trust.load_cert_chain(*certificate)
            self._server.socket = trust.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_LOOK_S,), daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        if self._unix:
            return f"unix://{self._unix}"
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def wall(self) -> float:
        """Return the time on its clock, seconds since 1970."""
        return SystemClock().wall() + self.ahead

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Serve no more."""
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self._unix:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._unix)

    def fail(self, *faults: str | int, method: str = "", path: str = "") -> None:
        """
        Let the next requests, or the next of this *method* and below this *path*, fail, each in its way.

        Args:

            faults: A status code; `silent`, which takes the request and never answers, as behind a connection of
                which one half is gone; `hang-up`, which closes the connection; or `garbage`, which is no HTTP.

            method: The method of the requests that fail; by default any.

            path: What the path of those begins with; by default anything.
        """
        with self.lock:
            self._faults += [(method, path, fault) for fault in faults]

    def answer(self, asked: Asked) -> Told | Streamed:
        """Return the answer to a request; called under the lock."""
        return Told(404, f"nothing is known about {asked.path}".encode())

    def handle(self, asked: Asked) -> Told | Streamed | str:
        """Return the answer to a request, or the fault that it meets. Only the server calls it."""
        if self.delay:
            self._over.wait(self.delay)
        with self.lock:
            self.asked.append(asked)
            self._count += 1
            if self.flaps and self._count % 2:
                return Told(503, b"Service Unavailable")
            for at, (method, path, fault) in enumerate(self._faults):
                if method in {"", asked.method} and asked.path.startswith(path):
                    del self._faults[at]
                    return Told(fault, b"a bad day") if isinstance(fault, int) else fault
            return self.answer(asked)

    def hold(self) -> None:
        """Wait until the server is to end. Only the server calls it."""
        self._over.wait(_LONGEST_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: Served

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who has asked has gone."""


class _UnixServer(_Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "unix", 0


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): text for name, text in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        query = parse_qs(parts.query, keep_blank_values=True)
        told = self.server.owner.handle(Asked(self.command, parts.path, query, headers, body))
        if isinstance(told, str):
            self._misbehave(told)
            return
        if isinstance(told, Streamed):
            self._stream(told)
            return
        self.send_response(told.status)
        for name, text in told.headers:
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        self.wfile.write(told.body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names are those of http.server

    def _stream(self, told: Streamed) -> None:
        self.close_connection = True
        self.send_response(200)
        for name, text in (*told.headers, ("Transfer-Encoding", "chunked")):
            self.send_header(name, text)
        self.end_headers()
        with contextlib.suppress(OSError):
            for part in told.parts:
                if part is None:
                    return
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the date as the server's clock has it."""
        owner = self.server.owner
        return super().date_time_string(owner.wall() if timestamp is None else timestamp)

    def _misbehave(self, fault: str) -> None:
        self.close_connection = True
        if fault == "silent":
            self.server.owner.hold()
        elif fault == "garbage":
            self.wfile.write(b"\x15\x03\x01\x00\x02\x02\x50")

    def log_message(self, *_: object) -> None:
        """Say nothing."""
