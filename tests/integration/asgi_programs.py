"""An ASGI application in its middleware, for any server; and the clients that a test needs. Variables say what it does."""

from __future__ import annotations

import asyncio
import http.client
import os
import sys
import time
from pathlib import Path
from typing import Any, Self

from processender import Ender
from processender.integrations.asgi import EnderMiddleware
from processender.testing.processes import Program, ProgramError
from tests.integration.library_programs import LIMIT_S

ROOT = Path(__file__).parent.parent.parent
HERE = "tests.integration.asgi_programs"
ender = Ender(
    "web",
    grace=float(os.environ.get("APP_GRACE", "20")),
    drain_delay=float(os.environ.get("APP_DELAY", "0")),
    on_drain="fail-readiness",
    limits={"stream": 0.2},
)
ender.add(lambda: say("closed"), name="pool", phase="close")


def say(*words: object) -> None:
    """Write a line at once, and whole."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def end_begun() -> None:
    """Wait until the end has begun."""
    while not ender.stopping.is_set():  # noqa: ASYNC110 - as applications do it
        await asyncio.sleep(0.01)


async def lifespan(receive: Any, send: Any) -> None:
    """Start, slowly if APP_START says so, and shut down."""
    await receive()
    say("starting")
    await asyncio.sleep(float(os.environ.get("APP_START", "0")))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("shut down")
    await send({"type": "lifespan.shutdown.complete"})


async def socket(receive: Any, send: Any) -> None:
    """Say back what is said, until the other side goes."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
    say("websocket left with", message["code"])


async def deaf() -> None:
    """Never end, whoever asks."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            say("swallowed")


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Do what the path says."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await socket(receive, send)
    else:
        await answer(scope["path"], send)


async def answer(path: str, send: Any) -> None:
    """Answer one request."""
    kind = b"text/event-stream" if path == "/events" else b"text/plain"
    if path == "/deaf":
        say("began", path)
        await deaf()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    say("began", path)
    if path == "/held":
        await end_begun()
    while path in {"/events", "/endless"}:
        await send({"type": "http.response.body", "body": b"data: tick\n\n", "more_body": True})
        await asyncio.sleep(0.02)
    while path == "/flood":
        await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
    await send({"type": "http.response.body", "body": b"whole"})
    if path == "/background":
        await end_begun()
        say("background work is done")


app = EnderMiddleware(bare, ender, drain_path="/drain", token="s3cret")


def uvicorn(port: int, *options: str, app: str = f"{HERE}:app", env: dict[str, str] | None = None) -> Program:
    """Return uvicorn, as its command line starts it."""
    argv = ["uvicorn", app, "--port", str(port), "--log-level", "warning", *options]
    return python("-m", *argv, env=env)


def python(*args: str, env: dict[str, str] | None = None) -> Program:
    """Return a program of Python that finds what is here."""
    path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)])
    return Program([sys.executable, *args], env={"PYTHONPATH": path, **(env or {})}, cwd=str(ROOT))


class Client(http.client.HTTPConnection):
    """A connection that is kept."""

    def __init__(self, port: int) -> None:
        """Connect when it is asked."""
        super().__init__("127.0.0.1", port, timeout=LIMIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        """Ask for *path* and return the answer, whose body is still to be read."""
        self.request(method, path, headers=headers)
        return self.getresponse()


def status(port: int, path: str = "/readyz") -> int:
    """Return the status of an answer; 0 where nobody listens."""
    with Client(port) as client:
        try:
            return client.ask(path).status
        except (OSError, http.client.HTTPException):
            return 0


def wait_until(program: Program, port: int, wanted: int, path: str = "/readyz") -> None:
    """Wait until *path* is answered so."""
    limit = time.monotonic() + LIMIT_S
    while status(port, path) != wanted:
        if time.monotonic() > limit:
            raise ProgramError(f"{path} was never answered by {wanted}; the program wrote:\n{program.output}")
        time.sleep(0.02)
