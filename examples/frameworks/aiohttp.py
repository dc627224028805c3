"""
aiohttp's server inside an Ender: requests, a stream, server-sent events and a websocket.

Run it from the root of the repository, ask it for `/slow`, and send it TERM meanwhile:

    python -m examples.frameworks.aiohttp 8000

`/readyz` fails at once, requests are answered for another second, `/slow` gets its answer, the events end, the
websocket is closed with code 1001, and then the pool is closed.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

from processender import Ender
from processender.integrations import aiohttp

ender = Ender("aiohttp", grace=20, drain_delay=1.0, on_drain="fail-readiness")
routes = web.RouteTableDef()


@routes.get("/")
async def index(_request):
    return web.Response(text="hello\n")


@routes.get("/slow")
async def slow(_request):
    await asyncio.sleep(1.5)
    return web.Response(text="done\n")


@routes.get("/never")
async def never(_request):
    await asyncio.Event().wait()


@routes.get("/numbers")
async def numbers(request):
    """Answer without an end, to whoever may never read."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"." * 65536)


@routes.get("/events")
async def events(request):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    while True:
        await response.write(b"data: tick\n\n")
        await asyncio.sleep(0.05)


@routes.get("/echo")
async def echo(request):
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    async for message in websocket:
        await websocket.send_str(message.data)
    return websocket


@ender.handler(phase="close")
async def close_pool():
    print("the pool is closed, after the last request", flush=True)


if __name__ == "__main__":
    app = web.Application()
    app.add_routes(routes)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    aiohttp.run(ender, app, host="127.0.0.1", port=port, drain_path="/drain", token={"env": "DRAIN_TOKEN"})
