"""One HTTP request in flight: what kind it is by now, and how it ends when it is cut."""

from __future__ import annotations

from asyncio import current_task, timeout

from ...hints import Any
from ...ports import Serving
from .words import Message, Scope, Send

RETRY = b"the service is ending\n"
FAREWELL_S = 1.0
"""How long a client that was cut may take to be told, for it may be one that never reads."""


class Request:
    """Stands between the application and the server while a request is answered; its text is its name in reports."""

    __slots__ = ("_ender", "_scope", "_send", "_started", "_task", "_was_cut", "token")

    token: Any
    """What counts it."""

    def __init__(self, ender: Serving, scope: Scope, send: Send) -> None:
        """Belong to the task that makes it."""
        self._ender = ender
        self._scope = scope
        self._send = send
        self._task = current_task()
        self._started = False
        self._was_cut = False

    def __str__(self) -> str:
        """Return the method and the path; a query may hold what no report should."""
        return f"{self._scope['method']} {self._scope['path']}"

    def send(self, message: Message) -> Any:
        """Pass *message* on to the server; return what must be awaited."""
        kind = message["type"]
        if kind == "http.response.body":
            if not message.get("more_body"):
                return self._send_last(message)
            if self.token.kind == "request":
                self.token.kind = "stream"
        elif kind == "http.response.start":
            self._started = True
            # Before the first event there may be a long time without a body.
            for name, value in message.get("headers", ()):
                if name == b"content-type":
                    if value.startswith(b"text/event-stream"):
                        self.token.kind = "events"
                    break
            if self._ender.draining:
                message = closing(message, self._scope)
        elif kind == "http.response.pathsend":
            return self._send_last(message)
        return self._send(message)

    async def _send_last(self, message: Message) -> None:
        await self._send(message)
        self.token.kind = "background"

    def cut(self) -> None:
        """Cancel the task of the application, from any thread."""
        assert self._task is not None  # a request runs in a task
        self._task.get_loop().call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        assert self._task is not None  # see above
        self._was_cut = True
        self._task.cancel()

    async def bid_farewell(self) -> bool:
        """Tell the client, after a cancellation, if it was the cut; return whether it was, and may stay inside."""
        task = self._task
        assert task is not None  # see above
        if not self._was_cut or task.uncancel():
            return False
        try:
            async with timeout(FAREWELL_S):
                await self._tell_client()
        except (OSError, RuntimeError):  # TimeoutError among them
            return False
        # An answer that was cut in the middle must not look whole: the server breaks it off when it sees an exception.
        return not self._started or self.token.kind in {"events", "background"}

    async def _tell_client(self) -> None:
        if not self._started:
            headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(RETRY))]
            start = {"type": "http.response.start", "status": 503, "headers": headers}
            await self._send(closing(start, self._scope))
            await self._send({"type": "http.response.body", "body": RETRY})
        elif self.token.kind == "events":
            await self._send({"type": "http.response.body", "body": b""})


def closing(message: Message, scope: Scope) -> Message:
    """Return *message*, the start of an answer, with what closes the connection behind it, where HTTP knows that."""
    # RFC 9113 section 8.2.2: HTTP/2 has no such field.
    if not scope.get("http_version", "1.1").startswith("1"):
        return message
    headers = [each for each in message.get("headers", ()) if each[0].lower() != b"connection"]
    return {**message, "headers": [*headers, (b"connection", b"close")]}
