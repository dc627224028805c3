"""
One websocket in flight.

It never ends by itself, so it is cut when its limit is over: its client is sent close code 1001 ("going away", RFC 6455
section 7.4.1) and comes back to another process; its application receives `websocket.disconnect`, or an `OSError` where
it sends, as the specification wants it of a connection that is gone. A task of the application that waits in `receive`
or in `send` at that moment is woken by a cancellation that ends here and that it never sees. What the application does
from then on is `background` work, and is cancelled when that is cut.
"""

from __future__ import annotations

import asyncio
import contextlib

from ...farewell import REASON, farewell_time
from ...hints import Any
from ...own_paths import CUT
from ...ports import Serving
from .request import start_of
from .words import App, Message, Receive, Scope, Send

GOING_AWAY = 1001


class Gone(OSError):
    """The websocket was closed: the service is ending."""


async def converse(app: App, ender: Serving, scope: Scope, receive: Receive, send: Send) -> None:
    """Let *app* hold the conversation, in flight until it returns."""
    conversation = Conversation(ender, scope, receive, send)
    try:
        try:
            await app(scope, conversation.receive, conversation.send)
        finally:
            await conversation.told()
    except Gone:
        pass
    except asyncio.CancelledError:
        if not conversation.absorbs():
            raise
    finally:
        conversation.end()


class Conversation:
    """Stands between the application and the server; its text is its name in reports."""

    def __init__(self, ender: Serving, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin, in the task that makes it."""
        task = asyncio.current_task()
        assert task is not None  # an application is called in a task
        self._task = task
        self._ender = ender
        self._scope = scope
        self._receive = receive
        self._send = send
        self._accepted = self._closed = self._cancelled = False
        self._waiting: set[asyncio.Task[Any]] = set()
        self._woken: set[asyncio.Task[Any]] = set()
        self._farewell: asyncio.Task[None] | None = None
        self._token: Any = ender.inflight(self, kind="websocket", cut=self.cut)
        self._token.begin()

    def __str__(self) -> str:
        """Return the path."""
        return f"websocket {self._scope['path']}"

    async def receive(self) -> Message:
        """Return what the client sends; once it is cut, that it has gone."""
        if self._farewell is None:
            try:
                message: Message = await self._interruptible(self._receive())
            except Gone:
                pass
            else:
                self._closed = self._closed or message["type"] == "websocket.disconnect"
                return message
        return {"type": "websocket.disconnect", "code": GOING_AWAY, "reason": REASON}

    async def send(self, message: Message) -> None:
        """Send *message*; raise `Gone` once it is cut, but for a close, which is what has happened."""
        kind = message["type"]
        if self._farewell is not None:
            if kind == "websocket.close":
                return
            raise Gone(Gone.__doc__)
        if kind == "websocket.accept":
            # Before it is sent: in the middle of it nothing but `websocket.close` is right on both sides of the moment.
            self._accepted = True
        await self._interruptible(self._send(message))
        if kind == "websocket.close" or kind.startswith("websocket.http.response"):
            self._closed = True

    async def _interruptible(self, what: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None  # see above
        self._waiting.add(task)
        try:
            return await what
        except asyncio.CancelledError:
            if task not in self._woken:
                raise
            self._woken.discard(task)
            # Whoever else has cancelled it waits for the exception.
            if task.uncancel():
                raise
            raise Gone(Gone.__doc__) from None
        finally:
            self._waiting.discard(task)

    def cut(self) -> None:
        """Close the connection, from any thread."""
        self._task.get_loop().call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        if self._farewell is not None:
            return
        token, self._token = self._token, self._ender.inflight(self, kind="background", cut=self.cancel)
        self._token.begin()
        token.end()
        self._farewell = self._task.get_loop().create_task(self._bid_farewell())
        self._woken = {*self._waiting}
        for task in self._woken:
            task.cancel()

    async def _bid_farewell(self) -> None:
        if self._closed:
            return
        with contextlib.suppress(OSError, RuntimeError):  # the client, or the server, was faster
            async with asyncio.timeout(farewell_time(self._ender)):
                await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        if self._accepted or "websocket.http.response" not in (self._scope.get("extensions") or ()):
            await self._send({"type": "websocket.close", "code": GOING_AWAY, "reason": REASON})
            return
        await self._send({**start_of(*CUT), "type": "websocket.http.response.start"})
        await self._send({"type": "websocket.http.response.body", "body": CUT[1].encode()})

    def cancel(self) -> None:
        """Cancel the application, which has not returned although its client is gone; from any thread."""
        self._task.get_loop().call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._farewell is not None:
            self._farewell.cancel()
        self._task.cancel()

    def absorbs(self) -> bool:
        """Tell whether the cancellation is the one that was made here, and take it back."""
        return self._cancelled and not self._task.uncancel()

    async def told(self) -> None:
        """Return when the client, if it was cut, has been told."""
        if self._farewell is not None:
            await asyncio.wait([self._farewell])

    def end(self) -> None:
        """Be in flight no longer."""
        self._token.end()
