"""
HAProxy's runtime API: one command for each connection, its answer up to the end of the stream.

Source: the management guide of HAProxy, chapter 9.3, and its behaviour: an order that was carried out is answered with
an empty line, anything else is an error in words.
"""

from __future__ import annotations

import socket

from ...errors import HandlerError, Permanent, Transient
from ...ports import Context

STEP_S = 2.0
"""The longest wait for HAProxy to take a connection, or to go on with an answer."""
MOST_BYTES = 4 << 20
"""The longest answer."""


class Runtime:
    """One stats socket, by its path or as HOST:PORT."""

    def __init__(self, where: str) -> None:
        """Take where it is; raise `HandlerError` for what is neither a path nor an address."""
        self.where = where
        path = where.removeprefix("unix@")
        host, _, port = where.rpartition(":")
        if "/" in path:
            self._family, self._address = socket.AF_UNIX, path
        elif host and port.isdecimal():
            self._family, self._address = socket.AF_INET, ""
            self._pair = (host.strip("[]"), int(port))
        else:
            raise HandlerError(f"cannot reach HAProxy at {where!r}: give the path of its stats socket, or HOST:PORT")

    def connect(self, seconds: float) -> socket.socket:
        """Return a connection; raise `OSError`."""
        if self._family == socket.AF_INET:
            return socket.create_connection(self._pair, seconds)
        client = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            client.settimeout(seconds)
            client.connect(self._address)
        except BaseException:
            client.close()
            raise
        return client


class Talk:
    """What one attempt asks of HAProxy; when the attempt must give way the answer that it waits for breaks off."""

    def __init__(self, runtime: Runtime, ctx: Context) -> None:
        """Take whom to talk to, and the attempt."""
        self._runtime = runtime
        self._ctx = ctx
        self._open: socket.socket | None = None
        self._floor = 0.0
        ctx.on_cancel(self._abort)

    def ask(self, command: str) -> str:
        """Return the answer; raise `Transient`, `TimeoutError`, or `Permanent` where this user may not ask."""
        where = self._runtime.where
        # For the whole answer, also of one who sends it byte by byte.
        self._floor = max(0.0, self._ctx.remaining() - STEP_S)
        try:
            with self._runtime.connect(self._left()) as client:
                self._open = client
                client.sendall(command.encode() + b"\n")
                said = self._read(client)
                # What was broken off because the attempt must give way is no answer.
                self._left()
                return said.decode("utf-8", "replace")
        except PermissionError as error:
            text = f"cannot reach HAProxy at {where}: {error.strerror}; let this user in, by the mode and group of its"
            raise Permanent(f"{text} `stats socket`") from error
        except TimeoutError as error:
            raise TimeoutError(f"HAProxy at {where} does not answer `{command}` in time") from error
        except OSError as error:
            raise Transient(f"cannot reach HAProxy at {where}: {error.strerror or error}; does it run?") from error
        finally:
            self._open = None

    def order(self, command: str) -> str:
        """Have *command* carried out and return what HAProxy has against it, an empty text for nothing."""
        said = self.ask(command).strip()
        if said == "Permission denied":
            text = f"HAProxy at {self._runtime.where} does not take orders there"
            raise Permanent(f"{text}: give its `stats socket` the `level admin`")
        return said

    def _read(self, client: socket.socket) -> bytes:
        pieces = bytearray()
        while True:
            client.settimeout(self._left())
            piece = client.recv(65536)
            pieces += piece
            if not piece or len(pieces) > MOST_BYTES:
                return bytes(pieces)

    def _left(self) -> float:
        left = self._ctx.remaining() - self._floor
        if left <= 0:
            raise TimeoutError
        return left

    def _abort(self) -> None:
        client = self._open
        try:
            if client is not None:
                client.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
