"""
FastAPI: an endpoint looks at the time that the end leaves, and its background tasks have names.

Run it from the root of the repository, POST to `/reports`, and send it TERM at once:

    uvicorn examples.frameworks.fastapi:app
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Depends, FastAPI

from processender import Ender
from processender.integrations.asgi import EnderMiddleware
from processender.integrations.fastapi import Access, Tasks

ender = Ender("fastapi", grace=20)
access = Access(ender)
api = FastAPI()


@ender.handler(phase="close")
async def close_pool():
    print("the pool is closed", flush=True)


async def send_report(pages):
    await asyncio.sleep(0.2)
    print(f"a report of {pages} pages is sent", flush=True)


@api.post("/reports")
async def make_report(tasks: Annotated[Tasks, Depends(access.tasks)], the: Annotated[Ender, Depends(access.ender)]):
    pages = 0
    # A long report, or as much of it as there is time for.
    while pages < 1000 and not the.stopping.is_set():
        pages += 1
        await asyncio.sleep(0.05)
    tasks.add_task(send_report, pages)
    return {"pages": pages, "whole": pages == 1000, "seconds left": the.remaining()}


app = EnderMiddleware(api, ender)
