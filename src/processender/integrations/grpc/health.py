"""The standard health service of gRPC, which tells clients and probes when to go elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from importlib.util import find_spec

import grpc

from ...hints import Any

LIVENESS = "liveness"
"""The name of the service that stays SERVING to the end, for probes that would restart the process."""
OVERALL = ""


def servicer(wanted: Any, *, on_loop: bool) -> Any:
    """Return *wanted*, or for None one that is made here; None for False, or without `grpcio-health-checking`."""
    if wanted is not None:
        return wanted or None
    if find_spec("grpc_health") is None:
        return None
    if on_loop:
        return Health()
    from grpc_health.v1 import health  # noqa: PLC0415 - it is optional

    return health.HealthServicer()


def add_to(servicer: Any, server: Any) -> None:
    """Let *server* answer for its health; it must not have started."""
    from grpc_health.v1 import health_pb2_grpc  # noqa: PLC0415 - see above

    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)


def states(services: Iterable[str], *, serving: bool) -> list[tuple[str, Any]]:
    """Return what each service is to say from now on."""
    words = _messages().HealthCheckResponse
    said = words.SERVING if serving else words.NOT_SERVING
    return [*((service, said) for service in (OVERALL, *services)), (LIVENESS, words.SERVING)]


def _messages() -> Any:
    from grpc_health.v1 import health_pb2  # noqa: PLC0415 - see above

    return health_pb2


class Health:
    """
    The health service on an event loop.

    That of grpcio keeps its lock while it writes to a watcher: one whose client does not read would keep the state from
    all others, and the end from going on.
    """

    def __init__(self) -> None:
        """Know of no service."""
        self._messages = _messages()
        self._said: dict[str, Any] = {}
        self._changed = asyncio.Event()

    async def set(self, service: str, status: Any) -> None:
        """Say *status* of *service* from now on; watchers are told in their own time."""
        self._said[service] = status
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name of the protocol
        """Answer one question."""
        if request.service not in self._said:
            await context.abort(grpc.StatusCode.NOT_FOUND, "")
        return self._messages.HealthCheckResponse(status=self._said[request.service])

    async def List(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - the name of the protocol
        """Answer for all services at once."""
        answer = self._messages.HealthCheckResponse
        return self._messages.HealthListResponse(
            statuses={service: answer(status=said) for service, said in self._said.items()}
        )

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - the name of the protocol
        """Answer now and at each change."""
        answer, last = self._messages.HealthCheckResponse, None
        while True:
            changed = self._changed
            said = self._said.get(request.service, answer.SERVICE_UNKNOWN)
            if said != last:
                await context.write(answer(status=said))
                last = said
                continue
            await changed.wait()
