"""The same service under a server that owns the process: each worker enters its Ender in the lifespan."""

from __future__ import annotations

import asgi_app
from marks import GRACE, release

from processender import Ender

# The supervisor looks at its signals every half second, and hands them on then.
ender = Ender("uvicorn-worker", grace=GRACE - 0.7, cancel_body=False)
asgi_app.at_end.clear()
ender.add(release, phase="release", importance="must")


async def app(scope, receive, send):
    """Serve; the Ender is entered with the lifespan and left with it."""
    if scope["type"] == "lifespan":
        async with ender:
            await asgi_app.app(scope, receive, send)
    else:
        await asgi_app.app(scope, receive, send)
