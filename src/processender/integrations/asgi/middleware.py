"""The layer between a server and an application: which call of the server is what, at three microseconds a request."""

from __future__ import annotations

import asyncio
import logging

from ...hints import Any
from ...own_paths import OwnPaths, is_unheld
from ...ports import Serving, check_ender
from .conversation import converse
from .lifespan import Lifespan
from .request import Home, Request, closing, start_of
from .words import App, Message, Receive, Scope, Send

_log = logging.getLogger("processender.asgi")


class EnderMiddleware:
    """An application, and an Ender that knows what is in flight in it; see `processender.integrations.asgi`."""

    def __init__(
        self,
        app: App,
        ender: Serving,
        *,
        ready_path: str | None = "/readyz",
        live_path: str | None = "/livez",
        drain_path: str | None = None,
        resume_path: str | None = None,
        token: Any = None,
    ) -> None:
        """
        Wrap *app*.

        Args:

            ready_path: Where GET is answered by 200 while the process is to get traffic and by 503 otherwise.

            live_path: Where GET is answered by 200 as long as there is an answer at all.

            drain_path: Where POST begins a drain, for whoever has the token.

            resume_path: Where POST takes it back; None stands for `/resume` beside *drain_path*.

            token: The secret of `Authorization: Bearer`: text, `{"env": NAME}` or `{"file": PATH}`; a reference is read
                anew for each request.

        A path of None is the application's own. Raise `HandlerError` for a *drain_path* without a token, or a token, or
        a *resume_path*, without that.
        """
        check_ender(ender, "asgi.EnderMiddleware(app, ender)")
        self._app = app
        self._ender = ender
        self._home = Home(ender)
        self._progress = self._home.progress
        self._paths = OwnPaths(ender, ready_path, live_path, drain_path, resume_path, token)
        self._own = self._paths.names
        self._unheld = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a call of the server."""
        kind = scope["type"]
        if kind == "http":
            if self._unheld:
                self._say_unheld()
            path = scope["path"]
            if root := scope.get("root_path"):
                # It is the application's prefix, which a server puts before every path.
                path = path.removeprefix(root)
            if path in self._own:
                await self._answer(path, scope, send)
                return
            request = Request(self._home, scope, send)
            key = id(request)
            progress = self._progress
            progress.live[key] = request
            try:
                await self._app(scope, receive, request.send)
            except asyncio.CancelledError:
                if not await request.bid_farewell():
                    raise
            finally:
                progress.live.pop(key, None)
                if progress.waiting:
                    progress.ended()
        elif kind == "websocket":
            if self._unheld:
                self._say_unheld()
            await converse(self._app, self._ender, scope, receive, send)
        elif kind == "lifespan":
            self._unheld = False
            self._home.is_called_here()
            await Lifespan(self._ender, receive, send).run(self._app, scope)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, path: str, scope: Scope, send: Send) -> None:
        """Answer a request for a path of the Ender's."""
        given = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
        client = (scope.get("client") or ("",))[0]
        status, text, fields = self._paths.answer(path, scope["method"], given, client)
        start = start_of(status, text, fields)
        await send(closing(start, scope) if self._ender.draining else start)
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text.encode()})

    def _say_unheld(self) -> None:
        """Say once that the server has begun to serve without a lifespan, unless somebody else holds the Ender."""
        self._unheld = False
        self._home.is_called_here()
        if is_unheld(self._ender):
            _log.warning(
                "the server has not called the lifespan of the application: this Ender hears no signal and readiness"
                " stays false; switch lifespan on, or use the adapter of the server"
            )


__all__ = ["EnderMiddleware", "Message"]
