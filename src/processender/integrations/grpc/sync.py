"""The host of sync servers, those of `grpc.server`: an interceptor, and the life between start and end."""

from __future__ import annotations

import threading
from collections.abc import Callable

import grpc

from ...core.handler import Handler
from ...errors import StateError
from ...hints import Any
from ...ports import Serving, check_ender
from .attached import demand
from .behaviour import Behaviour, Pushed
from .calls import LAST_S, LONGEST_S, REFUSED, Calls
from .health import add_to, servicer, states


class Host(grpc.ServerInterceptor):  # type: ignore[misc] # grpcio has no types
    """
    Runs sync servers inside an Ender: `grpc.server(Threads(10), interceptors=[host])`, then `host.serve(server)`.

    It stands first among the interceptors, so that it sees what the client sees.
    """

    def __init__(
        self, ender: Serving, *, health: Any = None, services: tuple[str, ...] = (), name: str = "grpc"
    ) -> None:
        """
        Serve under *ender*.

        Args:

            health: A `HealthServicer` of your own; None makes one if `grpcio-health-checking` is installed, False
                makes none.

            services: The services that the health service tells of by name, beside the whole server.

            name: The name of the handler that makes the health service say NOT_SERVING, with `-health` behind it.
        """
        check_ender(ender, "grpc.Host(ender)")
        self._ender = ender
        self._health = servicer(health, on_loop=False)
        self._services = services
        self._name = f"{name}-health"
        self._calls = Calls(ender, self._last)
        self._lock = threading.Lock()
        self._left = False
        self._servers: list[Any] = []

    def serve(self, *servers: Any) -> None:
        """Start *servers*, say that the process is ready, and return when the end, or somebody, has stopped them."""
        demand(self, servers, "grpc.server(Threads(10), interceptors=[host])")
        with self._ender.hosted(stop=self._close):
            self._prepare()
            for server in servers:
                self._start(server)
            self._ender.ready()
            with self._lock:
                self._tell(serving=not self._left)
            for server in self._servers:
                server.wait_for_termination()

    def _prepare(self) -> None:
        if self._health is None:
            return
        leave = Handler(self._name, self._leave, phase="drain", before=("drain-delay",), resume=self._come_back)
        try:
            self._ender.add(leave)
        except StateError:
            self._left = True  # the end came first, and there is no traffic yet
        self._tell(serving=False)

    def _start(self, server: Any) -> None:
        if self._health is not None:
            add_to(self._health, server)
        with self._lock:
            # The end may have come first: what is stopped before it starts would not stop afterwards.
            if not self._calls.closed:
                server.start()
                self._servers.append(server)

    def _tell(self, *, serving: bool) -> None:
        if self._health is not None:
            for service, said in states(self._services, serving=serving):
                self._health.set(service, said)

    def _leave(self) -> None:
        with self._lock:
            self._left = True
            self._tell(serving=False)

    def _come_back(self) -> None:
        with self._lock:
            self._left = False
            self._tell(serving=True)

    def _close(self) -> None:
        """Let the servers refuse what is new and finish what they have; called from a thread of the engine's."""
        with self._lock:
            self._calls.closed = True
            servers = list(self._servers)
        for server in servers:
            server.stop(LONGEST_S)
        self._calls.close()

    def _last(self) -> None:
        for server in self._servers:
            server.stop(LAST_S)

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """Count the RPC, or refuse it."""
        method = handler_call_details.method
        if self._calls.refuses(method):
            return grpc.stream_unary_rpc_method_handler(_refuse)
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        behaviour = Behaviour(Pushed(self._calls, method, streaming=handler.response_streaming), handler)
        # On the wire an answer is a stream of one; and only such a handler can be given its status from outside.
        make = (
            grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
        )
        return make(behaviour, handler.request_deserializer, handler.response_serializer)


def _refuse(_request: Any, context: Any) -> None:
    context.abort(grpc.StatusCode.UNAVAILABLE, REFUSED)
