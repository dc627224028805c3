"""The application of the benchmarks behind real balancers, plain: it knows nothing of its end."""

import asyncio

CHUNKS = 10
SERVED = [0]


async def app(scope, receive, send):
    """Answer `/`, `/slow`, `/stream`, `/echo`, `/served` and `/readyz`."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    SERVED[0] += path == "/"
    if path == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for left in reversed(range(CHUNKS)):
            await asyncio.sleep(0.05)
            await send({"type": "http.response.body", "body": b".", "more_body": left > 0})
        return
    body = b"hello"
    if path == "/slow":
        await asyncio.sleep(2)
        body = b"slow"
    elif path == "/served":
        body = str(SERVED[0]).encode()
    elif path == "/echo":
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        body = str(size).encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
