"""
uvicorn in a program of your own: its signals are the Ender's, and there is one deadline.

Run it from the root of the repository, ask it for `/slow`, and send it TERM meanwhile:

    python -m examples.frameworks.uvicorn 8000
"""

from __future__ import annotations

import asyncio
import sys

from processender import Ender
from processender.integrations import uvicorn
from processender.integrations.asgi import EnderMiddleware

ender = Ender("uvicorn", grace=20, drain_delay=1.0, on_drain="fail-readiness", limits={"stream": 10.0})


@ender.handler(phase="flush", timeout=3)
async def flush_orders():
    print("the orders are written", flush=True)


async def application(scope, receive, send):
    assert scope["type"] == "http"  # it has no lifespan, and is answered for
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"in time\n"})


if __name__ == "__main__":
    uvicorn.run(ender, EnderMiddleware(application, ender), port=int((*sys.argv, "8000")[1]))
    print("that was all", flush=True)
