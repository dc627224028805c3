"""
The life of a server's worker, as ASGI tells it, inside `ender.hosted()`.

The Ender is entered before the application starts, and left when it has shut down: the phases behind `quiesce` run
then, and only when they are over the server hears that the application has shut down, for it may end the process, or
the loop that they need, at once. An application that knows no lifespan is answered for.
"""

from __future__ import annotations

import asyncio
import logging

from ...core.outcome import describe
from ...hints import Any
from ...ports import Serving
from .words import App, Message, Receive, Scope, Send

OVER = frozenset({"lifespan.startup.failed", "lifespan.shutdown.complete", "lifespan.shutdown.failed"})
LISTENS_S = 0.05
"""How long after the start of an application its server listens: uvicorn binds its sockets then, and tells nobody."""
_log = logging.getLogger("processender.asgi")


class Lifespan:
    """One lifespan between a server and an application."""

    def __init__(self, ender: Serving, receive: Receive, send: Send) -> None:
        """Take both ends of the server's."""
        self._ender = ender
        self._receive = receive
        self._send = send
        self._hosted: Any = None
        self._heard = ""
        self._said = ""

    async def run(self, app: App, scope: Scope) -> None:
        """Enter the Ender and let *app* live inside it."""
        hosted = self._ender.hosted()
        try:
            await hosted.__aenter__()
        except SystemExit:
            # uvicorn takes whatever is raised here for an application without lifespan, and would begin to serve.
            await self._receive()
            text = "the end had begun before the application was started"
            await self._send({"type": "lifespan.startup.failed", "message": text})
            return
        self._hosted = hosted
        try:
            await self._live(app, scope)
        except BaseException as error:
            await self._leave(error)
            raise
        await self._leave()

    async def _live(self, app: App, scope: Scope) -> None:
        failure = ""
        try:
            await app(scope, self.receive, self.send)
        except Exception as error:
            # One that has not even asked what to do knows no lifespan; every server goes on without it.
            if self._heard and self._said not in OVER:
                failure = describe(error)
                _log.exception("the lifespan of the application has failed")
        while self._said not in OVER:
            if not self._heard or (self._heard == "lifespan.startup" and self._said):
                await self.receive()
            await self.send({"type": f"{self._heard}.failed", "message": failure} if failure else
                            {"type": f"{self._heard}.complete"})  # fmt: skip

    async def receive(self) -> Message:
        """Return what the server says."""
        message = await self._receive()
        self._heard = message["type"]
        return message

    async def send(self, message: Message) -> None:
        """Say to the server what the application says, when it is true."""
        kind = message["type"]
        failed = kind == "lifespan.startup.failed"
        # An application that is over before its server goes on being served, as without the Ender.
        while kind.startswith("lifespan.shutdown") and self._heard != "lifespan.shutdown":
            await self.receive()
        if kind in OVER:
            await self._leave(RuntimeError(message.get("message", "")) if failed else None)
        self._said = kind
        await self._send(message)
        if kind == "lifespan.startup.complete":
            asyncio.get_running_loop().call_later(LISTENS_S, self._ready)

    def _ready(self) -> None:
        if self._hosted is not None:
            self._ender.ready()

    async def _leave(self, error: BaseException | None = None) -> None:
        hosted, self._hosted = self._hosted, None
        if hosted is not None:
            await hosted.__aexit__(None if error is None else type(error), error, None)
