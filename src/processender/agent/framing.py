"""From the bytes that a command writes to whole lines, each with its time and its stream."""

from __future__ import annotations

import base64
import json
import time

from .settings import Style

MORE = b" [more]"
"""What stands at the end of a part of a line that was too long."""


class Framer:
    """The lines of one stream."""

    def __init__(self, stream: str, style: Style) -> None:
        """Take the name of the *stream* and the *style*."""
        self._stream = stream
        self._style = style
        self._begun = b""
        self._second = (-1, "")

    def feed(self, data: bytes, wall: float) -> bytes:
        """Return the lines that *data*, read at *wall* seconds since 1970, has completed."""
        if self._style.raw:
            return data
        head = self._head(wall)
        *lines, self._begun = (self._begun + data).split(b"\n")
        framed = [part for line in lines for part in self._frame(line, head)]
        while len(self._begun) > self._style.max_line:
            cut = _cut(self._begun, self._style.max_line)
            framed.append(self._one(self._begun[:cut], head, more=True))
            self._begun = self._begun[cut:]
        return b"".join(framed)

    def end(self, wall: float) -> bytes:
        """Return the last line, if it had no end."""
        begun, self._begun = self._begun, b""
        return b"".join(self._frame(begun, self._head(wall))) if begun else b""

    def _frame(self, line: bytes, head: str) -> list[bytes]:
        parts = []
        while len(line) > self._style.max_line:
            cut = _cut(line, self._style.max_line)
            parts.append(self._one(line[:cut], head, more=True))
            line = line[cut:]
        parts.append(self._one(line, head, more=False))
        return parts

    def _one(self, text: bytes, head: str, *, more: bool) -> bytes:
        if self._style.as_json:
            return self._object(text, head, more=more)
        return head.encode() + text + (MORE if more else b"") + b"\n"

    def _object(self, text: bytes, head: str, *, more: bool) -> bytes:
        made: dict[str, object] = {"at": head} if self._style.timestamps else {}
        made["stream"] = self._stream
        try:
            made["text"] = self._style.prefix + text.decode()
        except UnicodeDecodeError:
            # Lone surrogates would not survive every reader of JSON.
            made["text"] = self._style.prefix + text.decode("utf-8", "replace")
            made["base64"] = base64.b64encode(text).decode("ascii")
        if more:
            made["more"] = True
        return json.dumps(made, ensure_ascii=False).encode() + b"\n"

    def _head(self, wall: float) -> str:
        """Return what stands before the text; the time alone for JSON."""
        stamp = self._stamp(wall) if self._style.timestamps else ""
        if self._style.as_json:
            return stamp
        words = [stamp, self._stream if self._style.streams else "", self._style.prefix]
        return "".join(f"{word} " for word in words if word)

    def _stamp(self, wall: float) -> str:
        milliseconds = int(wall * 1000)
        second = milliseconds // 1000
        if self._second[0] != second:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        return f"{self._second[1]}.{milliseconds % 1000:03d}Z"


def _cut(line: bytes, limit: int) -> int:
    """Return where *line* is split, at *limit* or a little before: not inside of a character."""
    cut = limit
    while cut > limit - 4 and cut > 1 and line[cut] & 0xC0 == 0x80:
        cut -= 1
    return limit if line[cut] & 0xC0 == 0x80 else cut
