"""The same service under a server that owns the process: each worker enters its Ender in the lifespan."""

from __future__ import annotations

import asgi_app
from marks import GRACE, release

from processender import Ender

ender = Ender("uvicorn-worker", grace=GRACE, cancel_body=False)
asgi_app.at_end.clear()
ender.add(release, phase="release", importance="must")


async def app(scope, receive, send):
    """Serve; the Ender is entered with the lifespan and left with it."""
    if scope["type"] == "lifespan":
        async with ender:
            await asgi_app.app(scope, receive, send)
    else:
        await asgi_app.app(scope, receive, send)
