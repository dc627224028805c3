"""
aiohttp: its server, inside an Ender by `await serve(ender, app)` or `run(ender, app)`, and its client session, closed.

Takes over: `serve`: aiohttp's signals, which stay the Ender's, and its time-out: there is one deadline, the Ender's
window. The Ender is entered before the application starts, is ready when the site listens, asks aiohttp to stop in its
phase `quiesce`, and waits until the application has been cleaned up. Readiness and liveness are answered. Each request
is in flight until its answer is written, under the kind that it is: `request`, `stream`, `events` (server-sent events)
or `websocket`. While traffic is left, HTTP/1.1 answers carry `Connection: close`, and idle connections are closed as
aiohttp stops. What is cut ends in an order that its client understands: 503 where no answer had begun, a complete end
of server-sent events, close code 1001 of a websocket; then the handler is cancelled. `close_client(session)` waits
until no request is under way and closes the session.

Leaves: What the handlers do: one that swallows its cancellation is named in the report and left behind. `web.run_app`
and aiohttp's worker for gunicorn keep their signals: run them under the agent, which waits before it asks.

Versions: 3.12 to 3.14. `tests/integration/test_framework_aiohttp.py` pins what the server rests on: that
`handle_signals` off leaves the signals alone, that `on_response_prepare` comes before the headers are written and for
websockets too, that an answer written by a middleware is not written again, and that the hooks of `on_shutdown` come
before aiohttp waits for connections.
"""

from __future__ import annotations

from .client import close_client
from .server import run, serve

__all__ = ["close_client", "run", "serve"]
