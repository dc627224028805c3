"""
Any ASGI application under any ASGI server: uvicorn does not know that there is an Ender.

Run it from the root of the repository, also with `--workers 4`, ask it for `/slow`, and send it TERM meanwhile:

    uvicorn examples.frameworks.asgi:app

`/readyz` fails first, the request is answered, the application shuts down, and then the pool closes.
"""

from __future__ import annotations

import asyncio

from processender import Ender
from processender.integrations.asgi import EnderMiddleware

ender = Ender("asgi", grace=20, drain_delay=1.0, on_drain="fail-readiness")


@ender.handler(phase="close")
async def close_pool():
    print("the pool is closed", flush=True)


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("the application has shut down", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"in time\n"})


app = EnderMiddleware(application, ender)
