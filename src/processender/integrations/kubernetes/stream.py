"""An answer that comes line by line, for as long as the server holds it: a watch."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from ...exchange import Answer, Exchange, Request
from ...glance import Glance, Unclear
from ...hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.client import HTTPResponse

LONGEST_LINE = 4_000_000
"""The longest line that is read, bytes; a pod has at most 1.5 million."""
READ_BYTES = 65536
"""How much is read of an answer that is no stream."""
IDLE_S, PROBE_S, PROBES = 15, 5, 3
"""After how much silence the kernel asks whether the other side is there, how often, and how many times."""


class Stream(Exchange):
    """One request and its answer, which does not end soon."""

    def __init__(
        self, request: Request, glance: Glance, *, headers: Mapping[str, str], timeout: float, patience: float
    ) -> None:
        """
        Prepare it.

        Args:

            request: What is sent.

            glance: The look in whose time the answer must begin.

            headers: More header fields.

            timeout: How long the answer may take to begin, seconds.

            patience: How long the server may be silent afterwards, seconds.
        """
        super().__init__(request, glance, headers=headers, timeout=timeout)
        self._patience = patience
        self._response: HTTPResponse | None = None
        self._date, self._dated = "", 0.0

    def open(self, glance: Glance) -> Answer | None:
        """Send it; return None once the lines begin, or else what it was refused with. Raises as `exchange` does."""
        from http.client import HTTPException  # noqa: PLC0415 - loaded by the request

        connection, request = self._connection, self._request
        forget = glance.on_cancel(self.abort)
        clock = self._clock()
        try:
            connection.connect()
            self._sock = connection.sock
            _keep_alive(self._sock)
            connection.request(request.method, request.target, None, self._headers)
            self._response = response = connection.getresponse()
            self._date, self._dated = response.headers.get("Date") or "", glance.clock.now()
            if response.status != 200:
                return Answer(response, READ_BYTES, self._secrets)
            self._sock.settimeout(self._patience)
        except (OSError, HTTPException) as error:
            self.close()
            raise self._meaning(error) from (None if isinstance(error, HTTPException) else error)
        finally:
            clock.cancel()
            forget()
        return None

    def line(self, glance: Glance) -> bytes:
        """Return the next line, empty where the server has ended it; raise as `exchange` does, and `Unclear`."""
        from http.client import HTTPException  # noqa: PLC0415 - loaded by the request

        response = self._response
        if response is None:
            return b""
        glance.dated(self._date, self._dated)
        forget = glance.on_cancel(self.abort)
        try:
            found = response.readline(LONGEST_LINE)
        except (OSError, HTTPException) as error:
            raise self._meaning(error) from (None if isinstance(error, HTTPException) else error)
        finally:
            forget()
        if self._over:
            raise self._meaning(TimeoutError())
        if found and not found.endswith(b"\n"):
            raise Unclear(f"the line {found[:80]!r} has no end")
        return found

    def close(self) -> None:
        """Hear no more of it."""
        if self._response is not None:
            self._response.close()
        self._connection.close()


def _keep_alive(sock: Any) -> None:
    """Let the kernel find out that the other side is gone, since a watch is silent when nothing happens."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, number in (("TCP_KEEPIDLE", IDLE_S), ("TCP_KEEPINTVL", PROBE_S), ("TCP_KEEPCNT", PROBES)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), number)
