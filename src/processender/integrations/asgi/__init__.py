"""
ASGI applications, under any server that speaks ASGI 3: `EnderMiddleware(app, ender)`, the outermost layer.

Takes over: The life of the server's worker, from the start of its lifespan to its end: the Ender is entered before the
application starts, and what comes behind `quiesce` waits until the application has shut down. Readiness and liveness
are answered here. Every call of the application is in flight until it returns, under the kind that it is: `request`,
`stream` (an answer in parts), `events` (server-sent events), `websocket`, and `background` for what is done after the
last part of the answer. While traffic is left, HTTP/1 answers carry `Connection: close`. What is cut ends in an order
that its client understands: 503 where no answer had begun, a complete end of server-sent events, close code 1001 of a
websocket; the application sees a cancellation, or `websocket.disconnect`. An answer that was cut in the middle stays
incomplete, so that nobody takes it for whole.

Leaves: Sockets, listeners, HTTP/2's GOAWAY and idle connections are the server's. The order of the end is the Ender's.
A server without lifespan (uvicorn's `--lifespan off`) leaves the Ender out: that is said once in the log, and readiness
never becomes true; `uvicorn.serve`, or the adapter of that server, does without. Off the main thread, as under a test
client, no signal is heard. The exit code is the server's: uvicorn dies of the signal. An application that swallows its
cancellation is named in the report, and holds up the end no longer than the phase may take.

Versions: ASGI 3, lifespan 2.0, HTTP 2.1 to 2.5; nothing is imported but the standard library.
"""

from __future__ import annotations

from .middleware import EnderMiddleware

__all__ = ["EnderMiddleware"]
