"""One RPC of a server on an event loop, and the handler that the server calls for it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Generator
from contextlib import aclosing, suppress

import grpc

from ...hints import Any
from .calls import CUT, Call, Leash
from .threads import ASIDE


class OnLoop(Call):
    """An RPC of a server on an event loop."""

    task: asyncio.Task[Any] | None = None
    """What runs its handler; None for a sync handler, which a thread runs."""
    told: threading.Event | None = None
    """For a sync generator: set when the client of what was cut has been told."""
    _aborting: asyncio.Task[Any] | None = None

    def refuse(self) -> None:
        """Send the status UNAVAILABLE, and then cancel the handler."""
        if self.task is None:
            ASIDE.submit(self._tell)
            return
        with suppress(RuntimeError):  # the loop is closed
            self.task.get_loop().call_soon_threadsafe(self._refuse)

    def _tell(self) -> None:
        try:
            self.context.abort(grpc.StatusCode.UNAVAILABLE, CUT)
        except Exception:  # it raises when it has sent the status, as it does to end a handler
            return
        finally:
            if self.told is not None:
                self.told.set()

    def _refuse(self) -> None:
        if self.task is not None and not self.context.done():
            self._aborting = asyncio.ensure_future(self._abort())
            # Behind the first step of the other task: the status is set before the handler can send one.
            self.task.cancel()

    async def _abort(self) -> None:
        with suppress(Exception):  # as above
            await self.context.abort(grpc.StatusCode.UNAVAILABLE, CUT)


def behaviour(leash: Leash, handler: Any) -> Callable[[Any, Any], Any]:
    """Return what stands for *handler* in the one RPC on the *leash*, of the same kind: the server looks at it."""
    inner = handler.stream_stream or handler.unary_stream or handler.stream_unary or handler.unary_unary
    if inspect.isasyncgenfunction(inner):
        return _awaited(leash, _written(inner))
    if inspect.iscoroutinefunction(inner):
        return _awaited(leash, inner)
    return _generated(leash, inner) if handler.response_streaming else _called(leash, inner)


def _written(inner: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    async def write(request: Any, context: Any) -> None:
        async with aclosing(inner(request, context)) as answers:
            async for answer in answers:
                await context.write(answer)

    return write


def _awaited(leash: Leash, inner: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    async def serve(request: Any, context: Any) -> Any:
        call = leash.call
        assert isinstance(call, OnLoop)  # it was made on this loop
        call.task = asyncio.current_task()
        context.add_done_callback(call.finished)
        try:
            if not call.begin(context):
                await context.abort(grpc.StatusCode.UNAVAILABLE, CUT)
            return await inner(request, context)
        finally:
            call.returned()

    return serve


def _called(leash: Leash, inner: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def serve(request: Any, context: Any) -> Any:
        call = leash.call
        try:
            if not call.begin(context):
                context.abort(grpc.StatusCode.UNAVAILABLE, CUT)
            return inner(request, context)
        finally:
            call.returned()
            call.finished()

    return serve


def _generated(leash: Leash, inner: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def serve(request: Any, context: Any) -> Generator[Any]:
        call = leash.call
        assert isinstance(call, OnLoop)  # it was made on this loop
        call.told = told = threading.Event()
        try:
            if not call.begin(context):
                context.abort(grpc.StatusCode.UNAVAILABLE, CUT)
            for answer in inner(request, context):
                yield answer
                if call.claimed:
                    # Its return would be a status too.
                    told.wait()
                    return
        finally:
            call.returned()
            call.finished()

    return serve
