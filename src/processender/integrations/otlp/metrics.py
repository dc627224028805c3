"""
From the figures of an account to the metrics of OTLP.

Each account tells of one run, so what it counts is sent as a delta, from the begin of the run to its end. The names
are those of the figures without the endings that Prometheus wants, which its own receiver puts there again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from struct import pack

from ...accounts.figures import Figure
from ...accounts.kinds import COUNTER, HISTOGRAM, KINDS, Kind
from ...accounts.plain import number
from ...hints import Any
from . import wire
from .messages import request

_DELTA = 1
_ENDINGS = ("_total", "_seconds", "_ratio")


def metrics(resource: Mapping[str, Any], figures: Iterable[Figure], account: Mapping[str, Any]) -> bytes:
    """Return an `ExportMetricsServiceRequest` of the *figures* of *account*."""
    began = number(account.get("started")) or number(account.get("at")) or 0.0
    ended = number(account.get("ended")) or began
    times = wire.fixed(2, wire.nanoseconds(began)) + wire.fixed(3, wire.nanoseconds(ended))
    found: dict[str, dict[tuple[str, ...], list[float]]] = {}
    for each in figures:
        found.setdefault(each.name, {}).setdefault(each.labels, []).append(each.value)
    return request(resource, b"".join(wire.message(2, _metric(KINDS[name], found[name], times)) for name in found))


def name_of(kind: Kind) -> str:
    """Return what the figures of *kind* are called in OpenTelemetry."""
    short = kind.name.replace("processender_", "processender.", 1)
    for ending in _ENDINGS:
        short = short.removesuffix(ending)
    return short


def _metric(kind: Kind, values: Mapping[tuple[str, ...], list[float]], times: bytes) -> bytes:
    # A gauge that is always 1 is no ratio, which a unit of 1 would make of it.
    unit = "" if kind.name.endswith("_info") else kind.unit
    head = wire.text(1, name_of(kind)) + wire.text(2, kind.meaning) + wire.text(3, unit)
    points = b"".join(wire.message(1, _point(kind, labels, each, times)) for labels, each in values.items())
    if kind.kind == HISTOGRAM:
        return head + wire.message(9, points + wire.whole(2, _DELTA))
    if kind.kind == COUNTER:
        return head + wire.message(7, points + wire.whole(2, _DELTA) + wire.whole(3, 1))
    return head + wire.message(5, points)


def _point(kind: Kind, labels: tuple[str, ...], values: list[float], times: bytes) -> bytes:
    attributes = dict(zip(kind.labels, labels, strict=True))
    if kind.kind == HISTOGRAM:
        counts = [0] * (len(kind.buckets) + 1)
        for each in values:
            counts[bisect_left(kind.buckets, each)] += 1
        return b"".join((
            wire.attributes(9, attributes),
            times,
            wire.fixed(4, len(values)),
            wire.double(5, sum(values)),
            wire.message(6, b"".join(pack("<Q", each) for each in counts)),
            wire.message(7, b"".join(pack("<d", each) for each in kind.buckets)),
            wire.double(11, min(values)),
            wire.double(12, max(values)),
        ))  # fmt: skip
    shown = sum(values) if kind.kind == COUNTER else values[-1]
    return wire.attributes(7, attributes) + times + wire.double(4, shown)
