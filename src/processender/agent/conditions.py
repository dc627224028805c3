"""The conditions on which the next step comes before its time: an answer by HTTP, no connection to a port, no file."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Collection, Mapping

from ..errors import ProcessEnderError
from ..hints import Any
from ..integrations.http import http
from .steps import Until

_ESTABLISHED = b"01"
_HTTP_S = 2.0


def until_http(url: str, expect: Collection[int], headers: Mapping[str, str]) -> Until:
    """Return the condition that a GET of *url* is answered with a status in *expect*, by default of 200 to 299."""
    get = http("GET", url, expect=expect, headers=headers)

    def look(ctx: Any, _pid: int) -> str:
        try:
            get(ctx.short(_HTTP_S))
        except (ProcessEnderError, OSError) as error:
            return str(error)
        return ""

    return Until(f"GET {url.partition('?')[0]}", look)


def until_gone(path: str) -> Until:
    """Return the condition that there is nothing at *path*."""

    def look(_ctx: Any, _pid: int) -> str:
        return f"{path!r} is still there" if os.path.lexists(path) else ""

    return Until(f"{path} is gone", look)


def until_closed(text: str) -> Until:
    """Return the condition that no TCP connection to the port that *text* names is established."""
    host, port = parse_port(text)

    def look(_ctx: Any, pid: int) -> str:
        count = connections(host, port, pid)
        if count is None:
            return "cannot tell which connections there are: /proc cannot be read"
        return f"{count} connections to {text} are still there" if count else ""

    return Until(f"no connection to {text}", look)


def parse_port(text: str) -> tuple[bytes, int]:
    """
    Return the address as the kernel keeps it, empty for any, and the port that *text* names.

    *text* is like `8080`, `127.0.0.1:8080` or `[::1]:8080`; raise `ValueError` for anything else.
    """
    host, _, number = text.rpartition(":")
    if not (number.isascii() and number.isdigit() and 0 < int(number) < 65536):
        raise ValueError(f"{text!r} names no port; write it like 8080 or 127.0.0.1:8080")
    bare = host.removeprefix("[").removesuffix("]")
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            address = socket.inet_pton(family, bare)
        except OSError:
            continue
        return (address if any(address) else b""), int(number)
    if host:
        raise ValueError(f"{host!r} is no address; write it like 127.0.0.1:8080 or [::1]:8080, or the port alone")
    return b"", int(number)


def connections(host: bytes, port: int, pid: int) -> int | None:
    """Return how many connections to *port* are established where the process *pid* lives; None if none can be seen."""
    found: int | None = None
    for name in ("tcp", "tcp6"):
        # A command may have a network of its own.
        for place in (f"/proc/{pid}/net/{name}", f"/proc/net/{name}"):
            try:
                with open(place, "rb") as file:
                    rows = file.read().splitlines()[1:]
            except OSError:
                continue
            found = (found or 0) + sum(_is_one(row.split(), host, port) for row in rows)
            break
    return found


def _is_one(fields: list[bytes], host: bytes, port: int) -> bool:
    if len(fields) < 4 or fields[3] != _ESTABLISHED:
        return False
    shown, _, number = fields[1].partition(b":")
    if int(number, 16) != port:
        return False
    return not host or _address(shown) == host


def _address(shown: bytes) -> bytes:
    """Return an address that /proc shows as words of 32 bits in the order of this machine; as IPv4 where it is one."""
    raw = bytes.fromhex(shown.decode("ascii"))
    words = (int.from_bytes(raw[at : at + 4]) for at in range(0, len(raw), 4))
    address = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    mapped = len(address) == 16 and address.startswith(b"\0" * 10 + b"\xff\xff")
    return address[12:] if mapped else address
