"""
A face of the agent without its sockets: bytes of a client go in, bytes for it come out.

What the paths mean is up to the face. This part reads heads of at most 4 KiB, refuses bodies, answers each request on
its own, and closes after the first thing that it does not understand, so that no two parties can read one stream
differently.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..hints import Protocol

HEAD_BYTES = 4096
"""The largest head of a request."""
ANSWERS_BYTES = 16384
"""How much may wait to be sent before further requests of the same client wait."""

_REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_KINDS = {"{": "application/json", "# HELP ": "text/plain; version=0.0.4; charset=utf-8"}
"""The media type of a text, by how that begins; the second is that of Prometheus."""
_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Face(Protocol):
    """What stands at the paths."""

    def respond(self, method: str, path: str, fields: Mapping[bytes, bytes]) -> tuple[int, str, str]:
        """Return the status and the text for a request with these header *fields*, and the methods that are allowed."""


class Wire:
    """One client's connection: `feed` what it sent, send what `output` holds, and close when `closing` says so."""

    def __init__(self, face: Face) -> None:
        """Begin with nothing received."""
        self.output = bytearray()
        """What must be sent."""
        self.closing = False
        """Whether the connection is to be closed once `output` is sent."""
        self.answered = 0
        """How many requests were answered."""
        self._face = face
        self._input = bytearray()

    @property
    def started(self) -> bool:
        """Whether the client has sent a part of a request."""
        return bool(self._input)

    @property
    def wants(self) -> int:
        """How many more bytes it takes now; 0 while too much waits to be sent."""
        if self.closing or len(self.output) > ANSWERS_BYTES:
            return 0
        return HEAD_BYTES + 1 - len(self._input)

    def feed(self, data: bytes) -> None:
        """Take what the client sent, at most `wants` bytes."""
        self._input += data
        self.proceed()

    def proceed(self) -> None:
        """Answer the requests that are complete, as far as there is room for answers."""
        while not self.closing and len(self.output) <= ANSWERS_BYTES:
            # RFC 9112 section 2.2: empty lines before a request are ignored.
            while self._input.startswith((b"\r\n", b"\n")):
                del self._input[: self._input.index(b"\n") + 1]
            end, width = _end_of_head(self._input)
            if end < 0 or end > HEAD_BYTES:
                if len(self._input) > HEAD_BYTES:
                    self.refuse(431)
                return
            head = bytes(self._input[:end])
            del self._input[: end + width]
            self._answer(head)

    def refuse(self, status: int) -> None:
        """Answer with *status* and close, because the client has made, or is taking, too much."""
        self._reply(status, _REASONS[status].lower() + "\n", close=True)

    def _answer(self, head: bytes) -> None:
        lines = head.replace(b"\r\n", b"\n").split(b"\n")
        words = lines[0].split(b" ")
        fields = _fields(lines[1:])
        if len(words) != 3 or not _is_token(words[0]) or not _is_printable(words[1]) or fields is None:
            self.refuse(400)
            return
        method, target, version = words
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            is_http = version.startswith(b"HTTP/") and version[5:6].isdigit()
            self.refuse(505 if is_http else 400)
            return
        if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
            self.refuse(400)
            return
        if version == b"HTTP/1.1" and b"host" not in fields:
            self.refuse(400)
            return
        self._respond(method.decode("latin-1"), target, fields, keep=_keeps_alive(version, fields))

    def _respond(self, method: str, target: bytes, fields: Mapping[bytes, bytes], *, keep: bool) -> None:
        path = target.partition(b"?")[0]
        if path[:7].lower() == b"http://":
            path = b"/" + path[7:].partition(b"/")[2]
        status, text, allowed = self._face.respond(method, path.decode("latin-1"), fields)
        self._reply(status, text, allowed, close=not keep, body=method != "HEAD")

    def _reply(self, status: int, text: str, allowed: str = "", *, close: bool, body: bool = True) -> None:
        data = text.encode()
        more = f"Allow: {allowed}\r\n" if status == 405 else ""
        more += "WWW-Authenticate: Bearer\r\n" if status == 401 else ""
        kind = next((kind for sign, kind in _KINDS.items() if text.startswith(sign)), "text/plain; charset=utf-8")
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(data)}\r\nCache-Control: no-store\r\n{more}"
            f"Connection: {'close' if close else 'keep-alive'}\r\n\r\n"
        )
        self.output += head.encode() + (data if body else b"")
        self.answered += 1
        self.closing = close


def _end_of_head(data: bytearray) -> tuple[int, int]:
    """Return where the head in *data* ends and how long the empty line behind it is; (-1, 0) if it goes on."""
    strict, lax = data.find(b"\r\n\r\n"), data.find(b"\n\n")
    if strict >= 0 and (lax < 0 or strict < lax):
        return strict, 4
    return (lax, 2) if lax >= 0 else (-1, 0)


def _fields(lines: list[bytes]) -> Mapping[bytes, bytes] | None:
    """Return the header fields by name in small letters, None if one is malformed or a length is told twice."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        # A space before the colon and a folded line (RFC 9112 section 5) both fail here, and so does a bare return.
        if not colon or not _is_token(name) or b"\r" in value or b"\0" in value:
            return None
        if name in fields and name in (b"content-length", b"host", b"transfer-encoding"):
            return None
        fields[name] = value
    return fields


def _keeps_alive(version: bytes, fields: Mapping[bytes, bytes]) -> bool:
    options = [option.strip(b" \t") for option in fields.get(b"connection", b"").lower().split(b",")]
    return b"close" not in options and (version == b"HTTP/1.1" or b"keep-alive" in options)


def _is_token(word: bytes) -> bool:
    return bool(word) and _TOKEN.issuperset(word)


def _is_printable(word: bytes) -> bool:
    return word[:1] not in (b"", b"#") and all(0x21 <= byte < 0x7F for byte in word)
