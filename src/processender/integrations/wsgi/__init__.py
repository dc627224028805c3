"""
WSGI applications, Flask, Django and every other: `EnderMiddleware(app, ender)`, the outermost layer, and `serve`.

Takes over: Each call of the application is in flight until its server has closed what the application returned, under
the kind that it is: `request`, `stream` (an answer without a length), `events` (server-sent events). Readiness and
liveness are answered here. While traffic is left, the connection of each answer is closed behind it, in the way that
its server has for it: gunicorn's answer is told (`force_close`), Granian takes the header, wsgiref and Werkzeug close
anyway. What is cut fails at its next chunk, as if its client had left, and its socket is shut down at once where the
server shows it (gunicorn, Werkzeug), so that a client that never reads holds up nothing. `serve(ender, server)` runs a
server of the standard library's kind, Werkzeug's among them, inside the Ender.

Leaves: A thread that computes cannot be interrupted: the report names its request, and the process ends without it.
WSGI has no lifespan, so the middleware alone hears no signal: who serves enters the Ender, here `serve`, for gunicorn
the room `gunicorn`; a request that comes while nobody has is said once in the log. Granian's WSGI interface, uWSGI and
mod_wsgi keep their signals: run them under the agent.

Versions: wsgiref of Python 3.11 to 3.13, Werkzeug 3, gunicorn 24 to 27, Granian 2.8; tests hold what this rests on:
gunicorn's `start_response` belongs to the answer that has `force_close` and drops the header, wsgiref refuses it.
"""

from __future__ import annotations

from .middleware import EnderMiddleware
from .server import serve

__all__ = ["EnderMiddleware", "serve"]
