"""
Starlette: what is done after an answer is waited for, and has a name.

Run it from the root of the repository, POST to `/orders`, and send it TERM at once:

    uvicorn examples.frameworks.starlette:app
"""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from processender import Ender
from processender.integrations.asgi import EnderMiddleware
from processender.integrations.starlette import BackgroundTask

ender = Ender("starlette", grace=20)


@ender.handler(phase="close")
async def close_pool():
    print("the pool is closed", flush=True)


async def send_mail(address):
    await asyncio.sleep(1)
    print(f"mail to {address} is sent", flush=True)


async def order(_request):
    return PlainTextResponse("ordered\n", background=BackgroundTask(ender, send_mail, "a@example.org"))


app = EnderMiddleware(Starlette(routes=[Route("/orders", order, methods=["POST"])]), ender)
