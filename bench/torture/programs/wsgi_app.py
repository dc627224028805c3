"""A small WSGI service whose /hang never answers."""

from __future__ import annotations

import time

from marks import mark


def app(environ, start_response):
    """Answer, or hang."""
    if environ["PATH_INFO"] == "/hang":
        mark("busy")
        time.sleep(3600)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
