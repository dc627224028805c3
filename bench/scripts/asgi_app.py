"""The least application: `plain`, `wrapped` in the middleware, and as a program, served by the adapter of uvicorn."""

import sys

from processender import Ender
from processender.integrations import uvicorn
from processender.integrations.asgi import EnderMiddleware

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"2"), (b"content-type", b"text/plain")],
}
BODY = {"type": "http.response.body", "body": b"ok"}


async def plain(scope, receive, send):
    """Answer at once."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send(START)
    await send(BODY)


ender = Ender("bench", grace=20, observers=())
wrapped = EnderMiddleware(plain, ender)

if __name__ == "__main__":
    uvicorn.run(ender, wrapped, port=int(sys.argv[1]), http="httptools")
