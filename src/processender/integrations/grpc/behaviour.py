"""One RPC of a sync server, and the handler that the server calls for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing

import grpc

from ...hints import Any
from .calls import CUT, Call, Leash
from .threads import ASIDE


class Pushed(Call):
    """An RPC of a sync server."""

    send: Callable[[Any], None] | None = None
    """Sends a message, or for None the status; None when another interceptor stands before this one."""

    def refuse(self) -> None:
        """Send the status UNAVAILABLE; a handler that is only seen through an iterator is told at its next step."""
        self.context.set_code(grpc.StatusCode.UNAVAILABLE)
        self.context.set_details(CUT)
        if self.send is not None:
            self.send(None)


class Behaviour:
    """The handler of one RPC, as the server calls it, on a thread of the pool."""

    experimental_non_blocking = True
    """It is called with a third argument that sends, as the health service of grpcio is."""

    def __init__(self, call: Pushed, handler: Any) -> None:
        """Stand for *handler* in one *call*."""
        self._call = call
        self._leash = Leash(call)
        self._streaming = handler.response_streaming
        self._inner = handler.stream_stream or handler.unary_stream or handler.stream_unary or handler.unary_unary
        self._pushes = getattr(self._inner, "experimental_non_blocking", False)
        self.experimental_thread_pool = getattr(self._inner, "experimental_thread_pool", None)

    def __call__(self, request: Any, context: Any, send: Callable[[Any], None] | None = None) -> Any:
        """Serve the RPC with *send*; without it, return an iterator over the answers."""
        call = self._call
        call.send = send
        ran = call.begin(context)
        if not context.add_callback(call.finished):
            call.finished()
        if send is None:
            return self._pulled(request, context)
        try:
            if ran:
                self._push(request, context, send)
            else:
                call.refuse()
        finally:
            call.returned()
        return None

    def _push(self, request: Any, context: Any, send: Callable[[Any], None]) -> None:
        try:
            if self._pushes:
                self._inner(request, context, _Outbox(self._call, send).put)
                return
            with closing(self._answers(request, context)) as answers:
                for answer in answers:
                    send(answer)
                    if not context.is_active():
                        break
        except Exception:
            # What was cut has its status, and its handler has been disturbed by that.
            if self._call.claim():
                raise
        else:
            if self._call.claim() and context.is_active():
                send(None)

    def _pulled(self, request: Any, context: Any) -> Generator[Any]:
        try:
            for answer in self._answers(request, context):
                if self._call.claimed:
                    context.abort(grpc.StatusCode.UNAVAILABLE, CUT)
                yield answer
        finally:
            self._call.returned()

    def _answers(self, request: Any, context: Any) -> Generator[Any]:
        answered = self._inner(request, context)
        if self._streaming:
            for answer in answered:
                if answer is None:  # as the server itself takes it
                    return
                yield answer
        elif answered is not None:
            yield answered
        else:
            # What the server itself makes of no answer.
            context.set_code(context.code() or grpc.StatusCode.INTERNAL)
            context.set_details((context.details() or b"Failed to serialize response!").decode())


class _Outbox:
    """
    What a handler pushes, sent in order from another thread.

    Sending waits for the thread that also tells the handler that a client has left. The health service of grpcio holds
    its lock while it sends and takes it when a client leaves: without this, both would wait for each other for ever.
    """

    def __init__(self, call: Pushed, send: Callable[[Any], None]) -> None:
        """Send the messages of *call* with *send*."""
        self._call = call
        self._send = send
        self._lock = threading.Lock()
        self._waiting: deque[Any] = deque()
        self._busy = False

    def put(self, message: Any) -> None:
        """Let *message*, or for None the status, be sent."""
        with self._lock:
            self._waiting.append(message)
            if self._busy:
                return
            self._busy = True
        ASIDE.submit(self._work)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                message = self._waiting.popleft()
            if message is not None and not self._call.claimed:
                self._send(message)
            elif message is None and self._call.claim():
                self._send(None)
