#!/usr/bin/env python3
"""
A service on Cloud Run: requests that were begun are answered, then the rest of the end runs, all within its 10 s.

Any server will do in the place of the standard library's; here nothing else is needed. On a laptop it is the same
program with the usual settings.
"""

import os
import sys
import time
from wsgiref.simple_server import make_server

from processender import Ender
from processender.integrations import cloud_run, wsgi

ender = Ender("orders", **cloud_run.settings())


@ender.handler(phase="flush", importance="must")
def flush(ctx) -> None:
    """Send what is left; `ctx.remaining()` says how long there is."""
    os.write(1, f"flushing, {ctx.remaining():.1f} s left\n".encode())


def app(environ, start_response):
    """Answer after a moment."""
    time.sleep(float(environ["QUERY_STRING"] or 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"hello\n"]


if __name__ == "__main__":
    server = make_server("", int(os.environ.get("PORT", "8080")), wsgi.EnderMiddleware(app, ender))
    wsgi.serve(ender, server)
    sys.exit(ender.exit_code)
