"""
A web service with PostgreSQL and Redis whose end loses nothing, step by step in the order of its report.

readiness fails, the balancer is told, the server stops accepting and finishes what is in flight; what is in memory is
written out, the open transaction committed, the sessions persisted; consumers, caches and the database are closed; the
lock and the temporary directory are given back, and the last event is sent.

Run it with `DATABASE_URL=postgresql+psycopg://... REDIS_URL=redis://... CONTROL_URL=http://... PORT=8000`, the control
URL being that of a balancer that takes `POST /drain` and of whoever takes `POST /events`; TERM ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis
import redis.asyncio
from fastapi import FastAPI
from sqlalchemy import create_engine, text

from processender import Ender
from processender.integrations import uvicorn
from processender.integrations.asgi import EnderMiddleware
from processender.integrations.caches import flush_dict, flush_queue
from processender.integrations.http import http
from processender.integrations.redis import close_client, lock
from processender.integrations.sql import close_engine, end_transactions
from processender.integrations.tasks import finish_tasks

REDIS, CONTROL = os.environ["REDIS_URL"], os.environ["CONTROL_URL"]

ender = Ender("web", grace=20, drain_delay=0.2, on_drain="fail-readiness")
engine = create_engine(os.environ["DATABASE_URL"])
cache = redis.Redis.from_url(REDIS)
jobs = redis.asyncio.Redis.from_url(REDIS)

audit: queue.Queue[str] = queue.Queue()
"""What has been done, and is not yet in the database."""
sessions: dict[str, int] = {}
"""How many orders each user has made, and is not yet in Redis."""
tasks: set[asyncio.Task[None]] = set()

# One long transaction holds the lines of the audit; it is committed every now and then, and at the end.
ledger = engine.connect()
writing = threading.Lock()


def write_audit(lines: list[str]) -> None:
    with writing:
        ledger.execute(text("INSERT INTO audit VALUES (:line)"), [{"line": line} for line in lines])


def persist(users: dict[str, int]) -> None:
    cache.hset("sessions", mapping=users)


# The order of the end: each line is one step, and its phase is where its kind belongs.
ender.add(flush_queue(audit, write_audit, batch=100, name="audit"))
ender.add(end_transactions(engine, "commit", name="ledger"))
ender.add(flush_dict(sessions, persist, name="sessions", after="ledger"), phase="commit")
ender.add(finish_tasks(tasks, name="consuming"))
ender.add(close_client(jobs, name="consumer"))
ender.add(close_client(cache, name="cache", after="consumer"))
ender.add(close_engine(engine, name="database", after="consumer"))
ender.add(
    http("POST", f"{CONTROL}/events", body=json.dumps({"type": "web.ended"})),
    name="last-event", phase="release", priority=-100, timeout=5,
)  # fmt: skip


@ender.resource(phase="release")
def leader():
    with lock(ender, REDIS, "web/leader", ttl=60) as held:
        yield held


@ender.resource(phase="release")
def scratch():
    with tempfile.TemporaryDirectory(prefix="web-scratch-") as directory:
        yield directory


async def consume() -> None:
    while True:
        _, job = await jobs.blpop(["jobs"])
        audit.put(f"job {job.decode()}")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    ender.add(
        http("POST", f"{CONTROL}/drain"), name="balancer", phase="drain", after=["readiness"], before=["drain-delay"]
    )
    tasks.add(asyncio.create_task(consume(), name="consumer"))
    print(f"ready {scratch.value}", flush=True)
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{user}")
async def order(user: str, takes: float = 0.0) -> dict[str, str]:
    print(f"order of {user}", flush=True)
    await asyncio.sleep(takes)
    await asyncio.to_thread(insert, user)
    audit.put(f"order of {user}")
    sessions[user] = sessions.get(user, 0) + 1
    return {"made": user}


def insert(user: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO orders VALUES (:user)"), {"user": user})


if __name__ == "__main__":
    uvicorn.run(ender, EnderMiddleware(app, ender), port=int(os.environ["PORT"]), log_level="warning")
