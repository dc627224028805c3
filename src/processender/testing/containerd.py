"""
A double of the events of containerd: what it tells over gRPC when a container has ended (needs grpcio).

It sends the envelopes of containerd 1.6, field by field, to who has subscribed; filters are of no account, so that what
others' containers do comes, too.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor  # noqa: TID251 - what servers of gRPC take
from types import TracebackType
from typing import Any, Self

from ..integrations.oci.events import METHOD
from ..integrations.oci.messages import bytes_field, varint

_THREADS = 8


class Containerd:
    """containerd at a socket; a context manager."""

    def __init__(self, path: str, *, namespace: str = "default") -> None:
        """Listen at *path*, with containers in a *namespace*."""
        self.path = self.url = path
        """The path of its socket."""
        self.asked: list[bytes] = []
        """The requests so far."""
        self.namespace = namespace
        """The namespace of the containers."""
        self._streams: list[queue.SimpleQueue[bytes | None]] = []
        self._lock = threading.Lock()
        self._server: Any = None

    def __enter__(self) -> Self:
        """Serve."""
        import grpc  # noqa: PLC0415 - for those who test with it

        self._server = grpc.server(ThreadPoolExecutor(_THREADS))
        service, method = METHOD.lstrip("/").split("/")
        handler = grpc.unary_stream_rpc_method_handler(
            self._subscribe, request_deserializer=bytes, response_serializer=bytes
        )
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {method: handler})])
        self._server.add_insecure_port(f"unix:{self.path}")
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Serve no more; all streams end."""
        self.hang_up()
        self._server.stop(0).wait()

    @property
    def listening(self) -> int:
        """How many have subscribed."""
        with self._lock:
            return len(self._streams)

    def hang_up(self) -> None:
        """End all streams, as when containerd is started anew."""
        with self._lock:
            streams, self._streams = self._streams, []
        for each in streams:
            each.put(None)

    def exit(self, container: str, code: int = 0, process: str = "") -> None:
        """Tell that a *process* of a *container* has ended, by default the first one."""
        event = bytes_field(1, container.encode()) + bytes_field(2, (process or container).encode())
        event += varint(3 << 3) + varint(9124) + varint(4 << 3) + varint(code)
        self.tell("/tasks/exit", "containerd.events.TaskExit", event)

    def oom(self, container: str) -> None:
        """Tell that a container is short of memory."""
        self.tell("/tasks/oom", "containerd.events.TaskOOM", bytes_field(1, container.encode()))

    def tell(self, topic: str, kind: str, event: bytes) -> None:
        """Tell an *event* of this *kind*, in its envelope."""
        at = bytes_field(1, varint(1 << 3) + varint(1795857523))
        wrapped = bytes_field(1, kind.encode()) + bytes_field(2, event)
        self.say(
            at + bytes_field(2, self.namespace.encode()) + bytes_field(3, topic.encode()) + bytes_field(4, wrapped)
        )

    def say(self, data: bytes) -> None:
        """Send *data*, whatever it is."""
        with self._lock:
            for each in self._streams:
                each.put(data)

    def _subscribe(self, request: bytes, _context: Any) -> Iterator[bytes]:
        told: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with self._lock:
            self.asked.append(request)
            self._streams.append(told)
        while (data := told.get()) is not None:
            yield data
