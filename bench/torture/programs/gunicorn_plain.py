"""A configuration of gunicorn whose worker cleans up where gunicorn says it should."""

from __future__ import annotations

from marks import PORT, release

bind = f"127.0.0.1:{PORT}"
worker_class = "sync"


def worker_exit(server, worker):
    """Release what the worker holds."""
    release()
