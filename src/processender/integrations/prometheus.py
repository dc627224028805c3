"""
Prometheus, for an application that is scraped itself: the figures of its service in the registry of its client.

Shows: All figures of the service, those of its other processes and of all before them, too. They are read from the
totals on the disk as Prometheus asks, so every worker of a server tells the same, in the multiprocess mode of the
client as without it, and nothing is counted twice.

Leaves: How and where the registry is exposed. An agent tells the same on its own face, and only one of the two should
be scraped; what is never scraped again goes to a Pushgateway.

Versions: prometheus-client 0.20 to 0.26.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..accounts.exposition import cumulative
from ..accounts.kinds import COUNTER, GAUGE, KINDS, Kind
from ..accounts.tally import Tally
from ..hints import Any, Protocol


class Counting(Protocol):
    """What knows the totals of a service: an `Ender`."""

    def totals(self) -> Any:
        """Return its `Tally`."""


class Totals:
    """A collector for a registry of `prometheus_client`, which knows one by these two methods."""

    def __init__(self, ender: Counting) -> None:
        """Tell the totals of the service of *ender*."""
        self._ender = ender

    def collect(self) -> Iterator[Any]:
        """Give the families of metrics with what is known now."""
        tally: Tally = self._ender.totals()
        for kind in KINDS.values():
            family = _family(kind)
            if kind.kind in {COUNTER, GAUGE}:
                for labels, value in sorted(tally.values.get(kind.name, {}).items()):
                    family.add_metric(labels, value)
            for labels, spread in sorted(tally.spreads.get(kind.name, {}).items(), key=lambda each: each[0]):
                family.add_metric(labels, buckets=list(cumulative(spread)), sum_value=spread.sum)
            if family.samples:
                yield family

    def describe(self) -> Iterator[Any]:
        """Give the families without samples, so that a registry knows their names and asks for nothing."""
        return map(_family, KINDS.values())


def expose_totals(ender: Counting, registry: Any = None) -> Totals:
    """
    Let *registry* expose the totals of the service of *ender*, and return their collector.

    Args:

        ender: The Ender of the application.

        registry: That of `prometheus_client`; by default its global one. In the multiprocess mode it is the one that
            is made for an answer, beside its `MultiProcessCollector`.

    """
    from prometheus_client import REGISTRY  # noqa: PLC0415 - loaded by those who use it

    collector = Totals(ender)
    (REGISTRY if registry is None else registry).register(collector)
    return collector


def _family(kind: Kind) -> Any:
    from prometheus_client import core  # noqa: PLC0415

    made = {COUNTER: core.CounterMetricFamily, GAUGE: core.GaugeMetricFamily}.get(kind.kind, core.HistogramMetricFamily)
    return made(kind.name, kind.meaning, labels=kind.labels)


__all__ = ["Totals", "expose_totals"]
