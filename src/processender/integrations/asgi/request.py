"""One HTTP request in flight: what kind it is by now, and how it ends when it is cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from ...farewell import farewell_time
from ...hints import Any
from ...own_paths import CUT
from ...ports import Serving
from .words import Message, Scope, Send


class Home:
    """What all requests of one application share."""

    def __init__(self, ender: Serving) -> None:
        """Belong to *ender*."""
        self.ender = ender
        self.progress = ender.in_progress()
        """Where they are counted."""
        self.loops: set[asyncio.AbstractEventLoop] = set()
        """The loops on which the application is called: several, if it has several servers."""

    def is_called_here(self) -> None:
        """Remember the loop of this thread."""
        self.loops = {loop for loop in self.loops if not loop.is_closed()} | {asyncio.get_running_loop()}


class Request:
    """
    Stands between the application and the server while a request is answered, and is what counts it.

    It is on the way of each message of each request, so it keeps what it sees, and makes something of it when asked.
    Even which task it runs in is looked for when it is cut: to ask asyncio each time costs a third of all.
    """

    __slots__ = ("_goes_on", "_home", "_scope", "_send", "_sending", "_start", "_task", "was_cut")

    def __init__(self, home: Home, scope: Scope, send: Send) -> None:
        """Stand for one call of the application."""
        self._home = home
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._goes_on: bool | None = None
        self._sending: Any = None
        self._task: asyncio.Task[Any] | None = None
        self.was_cut = False
        """Whether it was cut."""

    @property
    def what(self) -> str:
        """The method and the path, its name in reports; a query may hold what no report should."""
        words = f"{self._scope['method']} {self._scope['path']}"
        return f"background of {words}" if self.kind == "background" else words

    @property
    def task(self) -> Any:
        """The task that it is answered by, looked for when it is asked; None if it has ended."""
        tasks = (task for loop in tuple(self._home.loops) for task in asyncio.all_tasks(loop))
        return next((task for task in tasks if _runs(task.get_coro(), self)), None)

    @property
    def kind(self) -> str:
        """What it is by now."""
        # The frame of a coroutine is gone when it has run to its end.
        if self._goes_on is False and getattr(self._sending, "cr_frame", None) is None:
            return "background"
        # Before the first event there may be a long time without a body.
        headers = () if self._start is None else self._start.get("headers", ())
        if any(value.startswith(b"text/event-stream") for name, value in headers if name.lower() == b"content-type"):
            return "events"
        return "stream" if self._goes_on else "request"

    def send(self, message: Message) -> Any:
        """Pass *message* on to the server; return what must be awaited."""
        if self._start is not None:
            # A part of the body, or what stands for it; the body itself is not kept.
            self._goes_on = message.get("more_body", False)
            self._sending = sending = self._send(message)
            return sending
        if message["type"] == "http.response.start":
            self._start = message
            if self._home.ender.draining:
                message = closing(message, self._scope)
        return self._send(message)

    def cut(self) -> None:
        """Cancel the task of the application, from any thread."""
        for loop in tuple(self._home.loops):
            # One that is closed has ended its tasks.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for task in asyncio.all_tasks():
            if _runs(task.get_coro(), self):
                self._task = task
                task.cancel()
                return

    async def bid_farewell(self) -> bool:
        """Tell the client, after a cancellation, if it was the cut; return whether it was, and may stay inside."""
        if self._task is None or self._task.uncancel():
            return False
        kind, unanswered = self.kind, self._start is None
        try:
            async with asyncio.timeout(farewell_time(self._home.ender)):
                await self._tell_client(kind)
        except (OSError, RuntimeError):  # TimeoutError among them
            return False
        # An answer that was cut in the middle must not look whole: the server breaks it off when it sees an exception.
        return unanswered or kind in {"events", "background"}

    async def _tell_client(self, kind: str) -> None:
        if self._start is None:
            await self._send(closing(start_of(*CUT), self._scope))
            await self._send({"type": "http.response.body", "body": CUT[1].encode()})
        elif kind == "events":
            await self._send({"type": "http.response.body", "body": b""})


def start_of(status: int, text: str, fields: Mapping[str, str]) -> Message:
    """Return the start of an answer of our own, which is *text*."""
    headers = {"content-type": "text/plain", "content-length": str(len(text.encode())), **fields}
    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": named}


def closing(message: Message, scope: Scope) -> Message:
    """Return *message*, the start of an answer, with what closes the connection behind it, where HTTP knows that."""
    # RFC 9113 section 8.2.2: HTTP/2 has no such field.
    if not scope.get("http_version", "1.1").startswith("1"):
        return message
    headers = [each for each in message.get("headers", ()) if each[0].lower() != b"connection"]
    return {**message, "headers": [*headers, (b"connection", b"close")]}


def _runs(coroutine: Any, request: Request) -> bool:
    """Tell whether *coroutine*, or one that it awaits, is the call of the middleware for *request*."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None and frame.f_code.co_name == "__call__" and frame.f_locals.get("request") is request:
            return True
        coroutine = getattr(coroutine, "cr_await", None)
    return False
