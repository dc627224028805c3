"""Who answers on the agent's socket: one line of JSON asks, one line of JSON answers; all that comes is mistrusted."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable

from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..hints import Any, Protocol

LONGEST = 64 * 1024
"""The longest request, bytes."""
LIMIT_S = 5.0
"""How long a request may take to come, and its answer to be taken."""
AT_ONCE = 8
"""How many are answered at the same time."""


class Answerer(Protocol):
    """Whoever does what is asked for."""

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return what came of *request*; raise `ProcessEnderError` for what cannot be done."""


def serve(listening: Any, make: Callable[[], Answerer]) -> None:
    """Answer on the socket *listening*, on threads of its own, until the process ends."""
    made = socket.socket(fileno=listening.detach())
    made.setblocking(True)
    threading.Thread(target=_serve, args=(made, make()), name="processender-control", daemon=True).start()


def _serve(listening: socket.socket, answerer: Answerer) -> None:
    free = threading.BoundedSemaphore(AT_ONCE)
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            # No descriptor is left: those that are being answered give theirs back.
            free.acquire(timeout=LIMIT_S)
            free.release()
            continue
        free.acquire()

        def work(connection: socket.socket = connection) -> None:
            try:
                _converse(connection, answerer)
            finally:
                free.release()

        try:
            threading.Thread(target=work, name="processender-control", daemon=True).start()
        except RuntimeError:
            connection.close()
            free.release()


def _converse(connection: socket.socket, answerer: Answerer) -> None:
    with connection:
        try:
            if _peer(connection) not in {0, os.geteuid()}:
                return
            data = _read_line(connection)
            connection.settimeout(LIMIT_S)
            connection.sendall(json.dumps(_answer(data, answerer)).encode() + b"\n")
        except OSError:
            # It has gone, or it is too slow; what was asked for is done or not, and `track list` tells.
            return


def _peer(connection: socket.socket) -> int:
    """Return the user of the other side, as the kernel tells it."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    user: int = struct.unpack("3i", data)[1]
    return user


def _read_line(connection: socket.socket) -> bytes:
    """Return the first line, as much of it as may come in its time; raise `OSError` when it does not come."""
    clock = SystemClock()
    until = clock.now() + LIMIT_S
    data = b""
    while b"\n" not in data and len(data) <= LONGEST:
        left = until - clock.now()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        more = connection.recv(4096)
        if not more:
            break
        data += more
    return data.partition(b"\n")[0] if b"\n" in data else data


def _answer(data: bytes, answerer: Answerer) -> dict[str, Any]:
    if len(data) > LONGEST:
        return {
            "error": f"cannot take the request: it is longer than {LONGEST} bytes; name files instead of their text"
        }
    try:
        request = json.loads(data)
    except (ValueError, RecursionError) as error:
        return {"error": f"cannot take the request: it is no JSON: {error}; send one line"}
    if not isinstance(request, dict):
        return {"error": 'cannot take the request: it must be an object; send one line such as {"do": "list"}'}
    try:
        return answerer.answer(request)
    except ProcessEnderError as error:
        return {"error": str(error)}
    except Exception as error:  # whatever is asked for, the agent goes on
        return {"error": f"cannot do it: {error!r}; this is a bug of processender"}
