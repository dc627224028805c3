"""
The Extensions API of Lambda, as one extension speaks to it: four requests, each over a socket of its own.

Theory of operation. The API is in the same sandbox, so a socket will do. The usual client would load 16 ms of modules
at each cold start, those for TLS and for mail among them. What has come so far is looked at by a pure function, which
says that more must come, what the answer is, or that it is none; so the request for the next event, which is held for
days if need be, can be broken off at any byte. A limit is one of the whole answer.

Source: the Extensions API 2020-01-01, the runtime interface emulator, which is AWS's own code, and RFC 9112. Go's
server tells the length of a body as small as these; it may as well send it in chunks.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Sequence

from ...core.record import Record
from ...errors import SourceError
from ...hints import Any, Self

BASE = "/2020-01-01/extension"
CALL_S = 1.0
"""How long the API may take to answer, where it is not to wait for the end, seconds; it is in the same sandbox."""
MOST = 262144
"""An answer of more bytes than this is none."""
_READ = 65536
_IDENTIFIER = "Lambda-Extension-Identifier"
_BEGINNING = b"HTTP/1."
_SHOWN = 200
_DIGITS = "0123456789"
_HEX_DIGITS = "0123456789abcdefABCDEF"


class Answer(Record):
    """What the API has answered."""

    status: int
    """The status code."""
    headers: dict[str, str]
    """The header fields, their names in small letters."""
    body: bytes
    """The body."""


class Refused(ValueError):
    """The API has answered that it will not, and will say so again."""


class Api:
    """The API of one sandbox."""

    def __init__(self, endpoint: str, extension: str, now: Callable[[], float]) -> None:
        """Take where it is, as HOST:PORT, the name of the *extension*, and a clock; raise `SourceError`."""
        host, _, port = endpoint.rpartition(":")
        if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536 and endpoint.isprintable()):
            text = f"cannot speak to Lambda at {endpoint!r}: it is no HOST:PORT"
            raise SourceError(f"{text}; leave `endpoint` out, so that AWS_LAMBDA_RUNTIME_API says it")
        if not (extension and extension.isascii() and extension.isprintable()):
            raise SourceError(f"cannot register {extension!r} at Lambda: give the name of the file in /opt/extensions")
        self._place = host.strip("[]").encode(), int(port)
        self._endpoint = endpoint
        self._extension = extension
        self._now = now
        self._held: Any = None
        self._over = False
        self.identifier = ""
        """What the API knows this extension by, once it is registered."""

    def register(self, events: Sequence[str]) -> None:
        """Register; raise `OSError` if nobody answers, and `ValueError` if it is refused."""
        names = ",".join(f'"{event}"' for event in events)
        headers = {"Lambda-Extension-Name": self._extension, "Content-Type": "application/json"}
        answer = self._ask("POST", "register", headers, f'{{"events":[{names}]}}', CALL_S)
        identifier = answer.headers.get(_IDENTIFIER.lower(), "")
        if not (identifier and identifier.isascii() and identifier.isprintable()):
            raise ValueError("the answer has no identifier")
        self.identifier = identifier

    def next(self) -> bytes:
        """Wait for the next event, however long that takes; the first call says that this extension is ready."""
        return self._ask("GET", "event/next", {_IDENTIFIER: self.identifier}, "", None).body

    def fail(self, when: str, kind: str) -> None:
        """Tell that this extension has failed, *when* is `init` or `exit`, by an error of a *kind* like Extension.X."""
        headers = {_IDENTIFIER: self.identifier, "Lambda-Extension-Function-Error-Type": kind}
        self._ask("POST", f"{when}/error", headers, "", CALL_S)

    def abort(self) -> None:
        """Let whoever waits for the next event come back at once; from any thread."""
        self._over = True
        held = self._held
        if held is not None:
            try:
                held.shutdown(_socket.SHUT_RDWR)
            except OSError:
                return

    def _ask(self, method: str, what: str, headers: dict[str, str], body: str, limit: float | None) -> Answer:
        fields = {"Host": self._endpoint, "Connection": "close", "Content-Length": str(len(body)), **headers}
        lines = [f"{method} {BASE}/{what} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
        until = None if limit is None else self._now() + limit
        with self._connect(limit) as sock:
            if limit is None:
                self._held = sock
            if self._over and limit is None:
                raise OSError("it was broken off")
            sock.sendall("\r\n".join([*lines, "", body]).encode())
            answer = self._answer(sock, until)
        if not 200 <= answer.status < 300:
            raise Refused(f"{answer.status} {answer.body[:_SHOWN].decode('utf-8', 'replace')}")
        return answer

    def _connect(self, limit: float | None) -> Any:
        # Bytes, because a text would load the tables of international names.
        found = _socket.getaddrinfo(*self._place, 0, _socket.SOCK_STREAM)
        kind, how, protocol, _, place = found[0]
        sock = _Closing(kind, how, protocol)
        sock.settimeout(CALL_S if limit is None else limit)
        try:
            sock.connect(place)
        except OSError:
            sock.close()
            raise
        sock.settimeout(limit)
        return sock

    def _answer(self, sock: Any, until: float | None) -> Answer:
        data = b""
        while True:
            if until is not None:
                left = until - self._now()
                if left <= 0:
                    raise TimeoutError("no answer in time")
                sock.settimeout(left)
            more = sock.recv(_READ)
            data += more
            answer = parse(data, ended=not more)
            if answer is not None:
                return answer


class _Closing(_socket.socket):
    """A socket that is closed when the block is left; that of `socket` would load 3 ms for it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def parse(data: bytes, *, ended: bool) -> Answer | None:
    """
    Return the answer that *data* is, None if it is the beginning of one.

    Args:

        data: What has come so far.

        ended: Whether nothing more will come.

    Raises `ValueError` for what is no answer, and `ConnectionError` for one that broke off.
    """
    head, found, rest = data.partition(b"\r\n\r\n")
    if not data.startswith(_BEGINNING[: len(data)]) or len(data) > MOST:
        raise ValueError(f"{data[:20]!r}... is no answer")
    if not found:
        if ended:
            raise ConnectionError("the answer broke off")
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    status = first.split(" ")[1:2]
    if not status or not _is_number(status[0], _DIGITS) or len(status[0]) != 3:
        raise ValueError(f"{first[:40]!r} is no answer")
    headers = {}
    for line in lines:
        name, _, text = line.partition(":")
        headers[name.strip().lower()] = text.strip()
    body = _body(headers, rest, ended=ended)
    if body is None and ended:
        raise ConnectionError("the answer broke off")
    return None if body is None else Answer(int(status[0]), headers, body)


def _body(headers: dict[str, str], rest: bytes, *, ended: bool) -> bytes | None:
    """Return the body, None if more of it must come."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _joined(rest)
    told = headers.get("content-length")
    if told is None:
        return rest if ended else None
    length = _number(told, 10)
    return rest[:length] if len(rest) >= length else None


def _joined(rest: bytes) -> bytes | None:
    """Return the chunks in *rest*, None if there is no last one."""
    body = b""
    while True:
        line, found, rest = rest.partition(b"\r\n")
        if not found:
            return None
        length = _number(line.partition(b";")[0].strip().decode("latin-1"), 16)
        if length == 0:
            return body
        if len(rest) < length + 2:
            return None
        body, rest = body + rest[:length], rest[length + 2 :]


def _number(text: str, base: int) -> int:
    """Return a number without a sign; raise `ValueError`."""
    if not _is_number(text, _DIGITS if base == 10 else _HEX_DIGITS):
        raise ValueError(f"{text[:20]!r} is no length")
    return int(text, base)


def _is_number(text: str, digits: str) -> bool:
    return bool(text) and not text.strip(digits)
