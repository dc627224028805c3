"""Serves a WSGI application with a server of the standard library's kind, under an Ender."""

from __future__ import annotations

import select

from ...hints import Protocol
from ...ports import Serving, check_ender

POLL_S = 0.1
"""How often a server looks whether it shall stop: its own default is half a second."""


class Server(Protocol):
    """What `wsgiref`, `werkzeug.serving.make_server` and every other heir of `socketserver` return."""

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until `shutdown` is called by another thread."""

    def fileno(self) -> int:
        """Return the descriptor of the listener."""

    def handle_request(self) -> None:
        """Take one connection and serve it."""

    def shutdown(self) -> None:
        """Let `serve_forever` return."""

    def server_close(self) -> None:
        """Close the listener, and wait for threads that are not daemons."""


def serve(ender: Serving, server: Server) -> None:
    """
    Serve until the end has come, inside the Ender; return when the whole plan has run.

    It is a plain call, for there is no loop; the main thread is where to make it.

    Args:

        ender: The Ender, not entered yet.

        server: A server that is bound and listens; let it have a thread for each request.
    """
    check_ender(ender, "wsgi.serve(ender, server)")
    with ender.hosted(stop=server.shutdown):
        ender.ready()
        server.serve_forever(POLL_S)
        # Who has connected already, and waits to be accepted, would be reset when the listener closes. Werkzeug closes
        # it itself, before it returns.
        while server.fileno() >= 0 and select.select([server], [], [], 0)[0]:
            server.handle_request()
        server.server_close()
