"""
An application with websockets for the benchmarks, plain for `uvicorn websocket:app`, or `websocket.py PORT WS DELAY`.

It acknowledges each message and keeps it in memory; what it has is written to the file of `KEPT` at the end of its life.
"""

import os
import sys

kept: list[str] = []


async def app(scope, receive, send):
    """Answer `/readyz`, and acknowledge each message of a websocket by its text."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        with open(os.environ["KEPT"], "a", encoding="utf-8") as file:
            file.write("".join(f"{each}\n" for each in kept))
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
    else:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            kept.append(message["text"])
            await send({"type": "websocket.send", "text": message["text"]})


if __name__ == "__main__":
    from processender import Ender
    from processender.integrations import asgi, uvicorn

    port, ws, delay = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    ender = Ender(f"websocket-{port}", grace=20, drain_delay=delay, on_drain="fail-readiness")
    hosted = asgi.EnderMiddleware(app, ender, ready_path="/readyz")
    sys.exit(uvicorn.run(ender, hosted, port=port, ws=ws, log_level="warning"))
