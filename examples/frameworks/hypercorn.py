"""
hypercorn inside an Ender, with an ASGI application of any kind, here a bare one.

Run it from the root of the repository, ask it for `/slow`, and send it TERM meanwhile:

    python -m examples.frameworks.hypercorn 8000

The command does the same for this application when it has no workers of its own:

    hypercorn --workers 0 --bind 127.0.0.1:8000 examples.frameworks.hypercorn:app
"""

from __future__ import annotations

import asyncio
import sys

from hypercorn.config import Config

from processender import Ender
from processender.integrations import hypercorn
from processender.integrations.asgi import EnderMiddleware

ender = Ender("hypercorn", grace=20, drain_delay=1.0, on_drain="fail-readiness")


async def answer(scope, _receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"hello\n"})


@ender.handler(phase="close")
async def close_pool():
    print("the pool is closed, after the last request", flush=True)


app = EnderMiddleware(answer, ender)


if __name__ == "__main__":
    hypercorn.run(ender, app, Config.from_mapping(bind=f"127.0.0.1:{(*sys.argv, '8000')[1]}"))
