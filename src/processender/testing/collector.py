"""
A collector of OpenTelemetry that decodes what it is sent: OTLP over HTTP, in Protocol Buffers.

Source: the specification of OTLP 1.10 (paths, content type, partial success). It needs the package
`opentelemetry-proto`. Beside the bad days of every server (`fail`) it has those of collectors: `partial` takes a
request in part, `stall` begins an answer and never ends it; and `Unanswered` is a port at which no connection comes
about.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from .served import Asked, Served, Streamed, Told

PATHS = {"traces": "/v1/traces", "metrics": "/v1/metrics", "logs": "/v1/logs"}
CONTENT = "application/x-protobuf"


class Collector(Served):
    """A collector on a free port of the loopback; `url` is what an exporter is given."""

    def __init__(self) -> None:
        """Have received nothing."""
        super().__init__()
        self.requests: dict[str, list[Any]] = {signal: [] for signal in PATHS}
        """The messages that were taken, by `traces`, `metrics` and `logs`."""
        self._partial: list[tuple[int, str]] = []
        self._stalled = 0
        self._changed = threading.Condition(self.lock)

    # What was received.

    @property
    def spans(self) -> list[Any]:
        """All spans."""
        return [each for one in self._of("traces", "resource_spans", "scope_spans") for each in one.spans]

    @property
    def records(self) -> list[Any]:
        """All log records."""
        return [each for one in self._of("logs", "resource_logs", "scope_logs") for each in one.log_records]

    @property
    def metrics(self) -> list[Any]:
        """All metrics."""
        return [each for one in self._of("metrics", "resource_metrics", "scope_metrics") for each in one.metrics]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The attributes of the resource of each request for traces."""
        with self.lock:
            return [read(each.resource.attributes) for one in self.requests["traces"] for each in one.resource_spans]

    def traces(self) -> dict[str, list[Any]]:
        """Return the spans of each trace, by its id."""
        found: dict[str, list[Any]] = {}
        for each in self.spans:
            found.setdefault(each.trace_id.hex(), []).append(each)
        return found

    def await_(self, holds: Callable[[Collector], bool], timeout: float = 20.0) -> bool:
        """Wait at most *timeout* seconds until it *holds*, looked at whenever something was taken."""
        with self._changed:
            return self._changed.wait_for(lambda: holds(self), timeout)

    def _of(self, signal: str, outer: str, inner: str) -> list[Any]:
        with self.lock:
            return [
                scope for one in self.requests[signal] for each in getattr(one, outer) for scope in getattr(each, inner)
            ]

    # Its bad days.

    def partial(self, rejected: int, message: str = "too old") -> None:
        """Take the next request in part, and say how much is *rejected*, and why."""
        with self.lock:
            self._partial.append((rejected, message))

    def stall(self, count: int = 1) -> None:
        """Begin the answers to the next *count* requests, and never end them."""
        with self.lock:
            self._stalled += count

    def answer(self, asked: Asked) -> Told | Streamed:
        """Take a request."""
        signal = next((name for name, path in PATHS.items() if asked.path == path), "")
        if asked.method != "POST" or not signal:
            return Told(404, b"404 page not found")
        if asked.headers.get("content-type") != CONTENT:
            return Told(415, b"415 unsupported media type")
        if self._stalled:
            self._stalled -= 1
            return Streamed(self._endless())
        request, answer, partial = _messages(signal)
        try:
            request.ParseFromString(asked.body)
        except Exception as error:  # what the library raises is its own class
            return Told(400, str(error).encode())
        self.requests[signal].append(request)
        self._changed.notify_all()
        if self._partial:
            count, message = self._partial.pop(0)
            setattr(answer.partial_success, partial, count)
            answer.partial_success.error_message = message
        return Told(200, answer.SerializeToString(), (("Content-Type", CONTENT),))

    def _endless(self) -> Iterator[bytes]:
        yield b"\x0a"
        self.hold()


class Unanswered:
    """A port at which no connection comes about: as behind a firewall that drops what is sent. A context manager."""

    def __init__(self) -> None:
        """Listen, with room for one that waits, and fill it."""
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._fill: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        """Where it is."""

    def __enter__(self) -> Self:
        """Answer nobody: a full queue lets the kernel drop what asks for a connection."""
        for _ in range(2):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self._listener.getsockname())
            self._fill.append(one)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the port back."""
        for each in (*self._fill, self._listener):
            each.close()


def read(attributes: Any) -> dict[str, Any]:
    """Return *attributes*, each a `KeyValue`, as data."""
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return None if kind is None else getattr(value, kind)


def _messages(signal: str) -> tuple[Any, Any, str]:
    """Return an empty request and answer, and the name of what counts the rejected."""
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs  # noqa: PLC0415 - for those who have it
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics  # noqa: PLC0415 - see above
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces  # noqa: PLC0415 - see above

    if signal == "traces":
        return traces.ExportTraceServiceRequest(), traces.ExportTraceServiceResponse(), "rejected_spans"
    if signal == "metrics":
        return metrics.ExportMetricsServiceRequest(), metrics.ExportMetricsServiceResponse(), "rejected_data_points"
    return logs.ExportLogsServiceRequest(), logs.ExportLogsServiceResponse(), "rejected_log_records"
