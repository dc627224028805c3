"""From the spans, log records and figures of an account to the requests of OTLP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ... import __version__
from ...accounts.records import LogRecord
from ...accounts.spans import Span
from ...hints import Any
from . import wire

SCOPE = "processender"
_ERROR = 2
_INTERNAL = 1


def traces(resource: Mapping[str, Any], spans: Iterable[Span]) -> bytes:
    """Return an `ExportTraceServiceRequest`."""
    return request(resource, b"".join(wire.message(2, _span(each)) for each in spans))


def logs(resource: Mapping[str, Any], records: Iterable[LogRecord]) -> bytes:
    """Return an `ExportLogsServiceRequest`."""
    return request(resource, b"".join(wire.message(2, _record(each)) for each in records))


def request(resource: Mapping[str, Any], content: bytes) -> bytes:
    """Return a request with one resource and one scope; its numbers are those of traces, logs and metrics alike."""
    scope = wire.message(1, wire.text(1, SCOPE) + wire.text(2, __version__))
    of_resource = wire.message(1, wire.attributes(1, resource))
    return wire.message(1, of_resource + wire.message(2, scope + content))


def _span(span: Span) -> bytes:
    status = b"" if span.error is None else wire.message(15, wire.text(2, span.error) + wire.whole(3, _ERROR))
    links = (
        wire.message(1, each.trace) + wire.message(2, each.span) + wire.attributes(4, each.attributes)
        for each in span.links
    )
    events = (
        wire.fixed(1, wire.nanoseconds(each.at)) + wire.text(2, each.name) + wire.attributes(3, each.attributes)
        for each in span.events
    )
    return b"".join((
        wire.message(1, span.trace),
        wire.message(2, span.id),
        wire.message(4, span.parent) if span.parent else b"",
        wire.text(5, span.name),
        wire.whole(6, _INTERNAL),
        wire.fixed(7, wire.nanoseconds(span.start)),
        wire.fixed(8, wire.nanoseconds(span.end)),
        wire.attributes(9, span.attributes),
        *(wire.message(11, each) for each in events),
        *(wire.message(13, each) for each in links),
        status,
    ))  # fmt: skip


def _record(record: LogRecord) -> bytes:
    at = wire.nanoseconds(record.at)
    return b"".join((
        wire.fixed(1, at),
        wire.whole(2, record.severity),
        wire.text(3, record.severity_text),
        wire.message(5, wire.value(record.text)),
        wire.attributes(6, record.attributes),
        wire.message(9, record.trace),
        wire.message(10, record.span),
        wire.fixed(11, at),
        wire.text(12, record.name),
    ))  # fmt: skip
