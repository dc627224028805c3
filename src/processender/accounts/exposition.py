"""Totals in the text format of Prometheus, version 0.0.4, for who scrapes and for a Pushgateway."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..hints import Any
from .figures import figures
from .kinds import HISTOGRAM, KINDS
from .tally import Spread, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def exposition(tally: Tally) -> str:
    """Return all of *tally*, in the order of the table of kinds; empty for an empty one."""
    return "".join(f"{line}\n" for line in _lines(tally))


def of_account(account: Mapping[str, Any]) -> str:
    """Return the figures of one *account* alone, for a Pushgateway: what it adds, and nothing from before."""
    tally = Tally()
    tally.take(figures(account))
    return exposition(tally)


def named(labels: Iterable[tuple[str, str]]) -> str:
    """Return *labels* in braces, those without a value left out; nothing where none has one."""
    shown = ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels if value)
    return f"{{{shown}}}" if shown else ""


def shown(value: float) -> str:
    """Return a number in the shortest way that means the same."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _lines(tally: Tally) -> Iterator[str]:
    for name, kind in KINDS.items():
        values, spreads = tally.values.get(name, {}), tally.spreads.get(name, {})
        if not values and not spreads:
            continue
        yield f"# HELP {name} {kind.meaning}"
        yield f"# TYPE {name} {kind.kind}"
        if kind.kind == HISTOGRAM:
            for labels, spread in sorted(spreads.items(), key=lambda each: each[0]):
                yield from _buckets(name, list(zip(kind.labels, labels, strict=True)), spread)
        else:
            for labels, value in sorted(values.items()):
                yield f"{name}{named(zip(kind.labels, labels, strict=True))} {shown(value)}"


def _buckets(name: str, labels: Sequence[tuple[str, str]], spread: Spread) -> Iterator[str]:
    for bound, so_far in cumulative(spread):
        yield f"{name}_bucket{named([*labels, ('le', bound)])} {so_far}"
    yield f"{name}_sum{named(labels)} {shown(spread.sum)}"
    yield f"{name}_count{named(labels)} {sum(spread.counts)}"


def cumulative(spread: Spread) -> Iterator[tuple[str, int]]:
    """Give the upper bound of each bucket as text, and how many values are at most so large."""
    so_far = 0
    for bound, count in zip((*spread.bounds, None), spread.counts, strict=True):
        so_far += count
        yield "+Inf" if bound is None else repr(bound), so_far
