"""
Calls of handlers, in flight.

Theory of operation. A middleware, the outermost, counts each call of a handler until its answer is written. aiohttp
writes an ordinary answer only when all middlewares have returned it; so that it counts, it is written here, and aiohttp
finds it written. Of what kind an answer is shows when it is prepared: a websocket, server-sent events, a stream, or an
ordinary one. What is cut is told to its client first, then the task of the handler is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from aiohttp import WSCloseCode, hdrs, web

from ...farewell import REASON, farewell_time
from ...hints import Any
from ...own_paths import CUT, OwnPaths
from ...ports import Serving

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_current: ContextVar[Call | None] = ContextVar("processender-call", default=None)


class Calls:
    """The calls of the handlers of one application."""

    def __init__(self, ender: Serving) -> None:
        """Count for *ender*."""
        self._ender = ender
        self._live: set[Call] = set()
        self._changed = asyncio.Event()

    def count(self, app: web.Application, paths: OwnPaths) -> None:
        """Let every call of a handler of *app* be in flight, and *paths* be answered."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path in paths.names:
                given = request.headers.get(hdrs.AUTHORIZATION, "")
                status, text, fields = paths.answer(request.path, request.method, given, request.remote or "")
                return web.Response(status=status, text=text, headers=fields)
            call = Call(self._ender, request)
            self._live.add(call)
            try:
                return await call.run(handler)
            finally:
                self._live.discard(call)
                self._changed.set()

        app.middlewares.insert(0, middleware)
        app.on_response_prepare.append(self._prepared)

    async def _prepared(self, _request: web.Request, response: web.StreamResponse) -> None:
        if self._ender.draining and not isinstance(response, web.WebSocketResponse):
            # aiohttp has made its headers already: it is told, and so is the client.
            response.force_close()
            response.headers[hdrs.CONNECTION] = "close"
        call = _current.get()
        if call is not None:
            call.answered(response)

    async def over(self) -> None:
        """Wait until no handler is at work."""
        while self._live:
            self._changed.clear()
            await self._changed.wait()

    def forget(self) -> None:
        """Wait for none of them any longer."""
        self._live.clear()
        self._changed.set()


class Call:
    """One call of a handler; its text is its name in reports."""

    def __init__(self, ender: Serving, request: web.Request) -> None:
        """Belong to the task that makes it."""
        task = asyncio.current_task()
        assert task is not None  # a middleware is called in a task
        self.task = task
        """The task that it stands in."""
        self._ender = ender
        self._request = request
        self._response: web.StreamResponse | None = None
        self._was_cut = self._over = False
        self._goodbye: asyncio.Task[None] | None = None
        self._token: Any = None

    def __str__(self) -> str:
        """Return the method and the path."""
        return f"{self._request.method} {self._request.path}"

    async def run(self, handler: Handler) -> web.StreamResponse:
        """Call the *handler* and write its answer."""
        _current.set(self)
        self._begin("request")
        try:
            return await self._call(handler)
        except asyncio.CancelledError:
            response = await self._farewell()
            if response is None:
                raise
            return response
        finally:
            self._over = True
            self._token.end()

    async def _call(self, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(self._request)
        except web.HTTPException as answer:
            await self._write(answer)
            raise
        if isinstance(response, web.StreamResponse):
            await self._write(response)
        return response

    async def _write(self, response: web.StreamResponse) -> None:
        await response.prepare(self._request)
        await response.write_eof()

    def _begin(self, kind: str) -> None:
        self._token = self._ender.inflight(self, kind=kind, cut=self.cut)
        self._token.begin()

    def answered(self, response: web.StreamResponse) -> None:
        """Note that the answer begins, and what it is."""
        self._response = response
        if isinstance(response, web.WebSocketResponse):
            self._become("websocket")
        elif response.content_type == "text/event-stream":
            self._become("events")
        elif not isinstance(response, web.Response | web.FileResponse):
            self._become("stream")

    def _become(self, kind: str) -> None:
        if not self._over:
            self._token.end()
            self._begin(kind)

    def cut(self) -> None:
        """Break it off, from any thread."""
        self.task.get_loop().call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        if self._over or self._was_cut:
            return
        self._was_cut = True
        if isinstance(self._response, web.WebSocketResponse):
            self._goodbye = self.task.get_loop().create_task(self._say_goodbye(self._response))
        else:
            self.task.cancel()

    async def _say_goodbye(self, response: web.WebSocketResponse) -> None:
        """Close the websocket; its handler is told by `receive`, and cancelled when that is not enough."""
        try:
            async with asyncio.timeout(farewell_time(self._ender)):
                await response.close(code=WSCloseCode.GOING_AWAY, message=REASON.encode())
                await asyncio.wait({self.task})
        except TimeoutError:
            pass
        if not self._over:
            self.task.cancel()

    async def _farewell(self) -> web.StreamResponse | None:
        """Return what the client is told that was cut, None where only the end of the connection tells it."""
        response = self._response
        if not self._was_cut or self.task.uncancel() > 0:
            return None
        if response is None:
            status, text, fields = CUT
            answer = web.Response(status=status, text=text, headers=fields)
            answer.force_close()
            return answer
        if response.content_type == "text/event-stream":
            try:
                async with asyncio.timeout(farewell_time(self._ender)):
                    await response.write_eof()
            except TimeoutError:
                return None
            return response
        return None
