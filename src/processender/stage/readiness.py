"""Whether a program that serves HTTP is ready, as a probe sees it."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit, urlunsplit

_PROBE_S = 1.0
_OK = 200


def is_ready(url: str, limit: float = _PROBE_S) -> bool:
    """Ask *url* over a connection of its own, and tell whether it is answered by 200 within *limit* seconds."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=limit)
    try:
        connection.request("GET", urlunsplit(("", "", parts.path or "/", parts.query, "")))
        return connection.getresponse().status == _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
