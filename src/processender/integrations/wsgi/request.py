"""One request in flight, from the call of the application until the server has closed what it returned."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable, Iterator

from ...core.labels import printable
from ...hints import Any
from ...ports import Serving

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]

SOCKETS = ("gunicorn.socket", "werkzeug.socket")
"""Where servers show the connection of a request."""
TAKES_HEADER = ("Granian",)
"""The servers, by their SERVER_SOFTWARE, that close a connection whose answer says so."""


def closing(
    headers: list[tuple[str, str]], environ: Environ, start_response: StartResponse, close_header: bool | None
) -> list[tuple[str, str]]:
    """Let the server close the connection behind an answer of *headers*; return those that it is to have."""
    answer = getattr(start_response, "__self__", None)
    close = getattr(answer, "force_close", None)
    if close is not None:
        close()
        return headers
    takes = environ.get("SERVER_SOFTWARE", "") in TAKES_HEADER if close_header is None else close_header
    if not takes:
        return headers
    return [*(each for each in headers if each[0].lower() != "connection"), ("Connection", "close")]


class Request:
    """
    One request: it is in flight, knows of what kind its answer is, and can be cut.

    A kind is known when the answer begins: `events` by its type; `stream` when neither a length is told nor the
    iterable has one.
    """

    __slots__ = ("_body", "_close_header", "_ender", "_environ", "_kind", "_open", "_start", "_token", "was_cut")

    def __init__(
        self, ender: Serving, environ: Environ, start_response: StartResponse, close_header: bool | None
    ) -> None:
        """Take what the server has called with."""
        self.was_cut = False
        """Whether its time is over."""
        self._ender = ender
        self._environ = environ
        self._start = start_response
        self._close_header = close_header
        self._kind = "request"
        self._open: bool | None = None
        self._body: Any = None
        self._token: Any = None

    def __str__(self) -> str:
        """Return the words by which the report names it."""
        return f"{self._environ.get('REQUEST_METHOD', '?')} {self._environ.get('PATH_INFO', '')}"

    def run(self, app: Callable[[Environ, StartResponse], Iterable[bytes]]) -> Iterable[bytes]:
        """Call *app* and return what the server iterates over and closes."""
        self._begin("request")
        try:
            self._body = body = app(self._environ, self._answer)
            self._settle()
        except BaseException:
            self.end()
            raise
        return self._handed(body)

    def _handed(self, body: Iterable[bytes]) -> Iterable[bytes]:
        wrapper = self._environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            # The server sends a file of its own kind by sendfile, and only that; so its `close` is ours instead.
            file: Any = body
            close = getattr(file, "close", None)
            file.close = lambda: self._close(close)
            return body
        return SizedAnswer(self, body) if hasattr(body, "__len__") else Answer(self, body)

    def _begin(self, kind: str) -> None:
        self._kind = kind
        self._token = self._ender.inflight(self, kind=kind, cut=self.cut)
        self._token.begin()

    def end(self) -> None:
        """Let it be in flight no longer."""
        token, self._token = self._token, None
        if token is not None:
            token.end()

    def _answer(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
        names = {name.lower(): value for name, value in headers}
        if names.get("content-type", "").startswith("text/event-stream"):
            self._become("events")
        elif self._kind == "request":
            bare = self._environ.get("REQUEST_METHOD") == "HEAD" or status[:3] in {"204", "304"}
            self._open = "content-length" not in names and not bare
            self._settle()
        if self._ender.draining:
            headers = closing(headers, self._environ, self._start, self._close_header)
        return self._start(status, headers, *error)

    def _settle(self) -> None:
        # An application that is a generator begins its answer only when it is iterated over; others before.
        if self._kind == "request" and self._open and self._body is not None and not hasattr(self._body, "__len__"):
            self._become("stream")

    def _become(self, kind: str) -> None:
        if self._token is not None and self._kind != kind:
            self.end()
            self._begin(kind)

    def cut(self) -> None:
        """End the answer at its next chunk, and its connection now where that can be had; from any thread."""
        self.was_cut = True
        for name in SOCKETS:
            connection = self._environ.get(name)
            if isinstance(connection, socket.socket):
                try:
                    # The plain one: that of TLS would first wait to say goodbye to a client that may never read.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
                except OSError:
                    pass

    def _close(self, close: Callable[[], object] | None) -> None:
        try:
            if close is not None:
                close()
        finally:
            self.end()


class Answer:
    """What the server iterates over: the application's chunks, until the request is cut."""

    __slots__ = ("_body", "_iterator", "_request")

    def __init__(self, request: Request, body: Iterable[bytes]) -> None:
        """Wrap *body*."""
        self._request = request
        self._body = body
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next chunk; raise `ConnectionResetError`, which servers take for a client that left, when cut."""
        if self._request.was_cut:
            raise ConnectionResetError(errno.ECONNRESET, f"cut, for the end has come: {printable(str(self._request))}")
        if self._iterator is None:
            self._iterator = iter(self._body)
        return next(self._iterator)

    def close(self) -> None:
        """Close the application's iterable; the request is over."""
        self._request._close(getattr(self._body, "close", None))  # noqa: SLF001 - the two are one thing


class SizedAnswer(Answer):
    """One whose chunks are counted, from which servers find the length of a single one."""

    __slots__ = ()

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self._body)  # type: ignore[arg-type]  # it is made only for what has a length
