"""The host of servers on an event loop, those of `grpc.aio.server`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

import grpc

from ...core.handler import Handler
from ...errors import StateError
from ...hints import Any
from ...ports import Serving, check_ender
from .attached import demand
from .calls import LAST_S, LONGEST_S, REFUSED, Calls, Leash
from .coroutines import OnLoop, behaviour
from .health import add_to, servicer, states


class Host(grpc.aio.ServerInterceptor):  # type: ignore[misc] # grpcio has no types
    """
    Runs servers inside an Ender: `grpc.aio.server(interceptors=[host])`, then `await host.serve(server)`.

    It stands first among the interceptors, so that it sees what the client sees.
    """

    def __init__(
        self, ender: Serving, *, health: Any = None, services: tuple[str, ...] = (), name: str = "grpc"
    ) -> None:
        """
        Serve under *ender*.

        Args:

            health: A `grpc_health.v1.health.aio.HealthServicer` of your own; None makes one if `grpcio-health-checking`
                is installed, False makes none.

            services: The services that the health service tells of by name, beside the whole server.

            name: The name of the handler that makes the health service say NOT_SERVING, with `-health` behind it.
        """
        check_ender(ender, "grpc.aio.Host(ender)")
        self._ender = ender
        self._health = servicer(health, on_loop=True)
        self._services = services
        self._name = f"{name}-health"
        self._calls = Calls(ender, lambda: self._on_loop(self._last))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left = False
        self._servers: list[Any] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, *servers: Any) -> None:
        """Start *servers*, say that the process is ready, and return when the end, or somebody, has stopped them."""
        demand(self, servers, "grpc.aio.server(interceptors=[host])")
        self._loop = asyncio.get_running_loop()
        async with self._ender.hosted(stop=lambda: self._on_loop(self._close)):
            await self._prepare()
            for server in servers:
                await self._start(server)
            self._ender.ready()
            await self._tell(serving=not self._left)
            if self._calls.closed:  # the end came while they were starting
                self._close()
            for server in self._servers:
                await server.wait_for_termination()
            await asyncio.gather(*self._tasks)

    async def _prepare(self) -> None:
        if self._health is None:
            return
        leave = Handler(self._name, self._leave, phase="drain", before=("drain-delay",), resume=self._come_back)
        try:
            self._ender.add(leave)
        except StateError:
            self._left = True  # the end came first, and there is no traffic yet
        await self._tell(serving=False)

    async def _start(self, server: Any) -> None:
        if self._health is not None:
            add_to(self._health, server)
        if not self._calls.closed:
            await server.start()
            self._servers.append(server)

    async def _tell(self, *, serving: bool) -> None:
        if self._health is not None:
            for service, said in states(self._services, serving=serving):
                await self._health.set(service, said)

    async def _leave(self) -> None:
        self._left = True
        await self._tell(serving=False)

    async def _come_back(self) -> None:
        self._left = False
        await self._tell(serving=True)

    def _on_loop(self, function: Callable[[], object]) -> None:
        assert self._loop is not None  # it serves
        with suppress(RuntimeError):  # the loop is closed, and the servers with it
            self._loop.call_soon_threadsafe(function)

    def _close(self) -> None:
        self._calls.closed = True
        for server in self._servers:
            self._spawn(server.stop(LONGEST_S))
        self._calls.close()

    def _last(self) -> None:
        for server in self._servers:
            self._spawn(server.stop(LAST_S))

    def _spawn(self, doing: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """Count the RPC, or refuse it."""
        method = handler_call_details.method
        if self._calls.refuses(method):
            return grpc.stream_unary_rpc_method_handler(_refuse)
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        call = OnLoop(self._calls, method, streaming=handler.response_streaming)
        make = getattr(
            grpc, f"{_shape(handler.request_streaming)}_{_shape(handler.response_streaming)}_rpc_method_handler"
        )
        return make(behaviour(Leash(call), handler), handler.request_deserializer, handler.response_serializer)


def _shape(streaming: bool) -> str:
    return "stream" if streaming else "unary"


async def _refuse(_request: Any, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNAVAILABLE, REFUSED)


__all__ = ["Host"]
