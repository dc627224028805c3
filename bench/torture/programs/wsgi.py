"""A request that never ends, for the gunicorn cases."""

from __future__ import annotations

from common import hang, mark


def app(environ, start_response):
    """Hang."""
    mark("request")
    hang()
