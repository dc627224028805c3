"""
The totals of many figures: sums that outlast processes, bounded however many names there are, and their text.

The text has a head, a line for each run that was counted, and a line for each set of labels, with tabs between; JSON
would take longer to load than all the rest. What a label holds is printable, so it has neither tabs nor line ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..core.labels import OTHERS, printable
from ..core.outcome import Verdict
from ..hints import Any
from .figures import Figure, beginning, ending, graceful
from .kinds import COUNTER, GAUGE, HISTOGRAM, KINDS, Kind
from .plain import LATE_S, number, table, text

HEAD = "processender totals 1"
MOST = 200
"""How many sets of labels a figure has; what comes then is counted under `OTHERS`."""
RUNS = 256
"""How many runs are remembered, so that none is counted twice."""
_OWN = frozenset(("service", "verdict", "outcome", "state"))
"""Labels whose values are few: they stay when the others become too many."""
_INFO, _FOLDED = "processender_service_info", "processender_folded_total"
_BEGUN, _ENDED = "processender_shutdowns_initiated_total", "processender_shutdowns_completed_total"
Labels = tuple[str, ...]


class Spread:
    """What a histogram has taken in."""

    def __init__(self, kind: Kind) -> None:
        """Begin with nothing."""
        self.bounds = kind.buckets
        """The upper bounds of its buckets, but for the last, which has none."""
        self.counts = [0] * (len(kind.buckets) + 1)
        """How many values are in each bucket, and in no lower one."""
        self.sum = 0.0
        """All of them together."""

    def take(self, value: float) -> None:
        """Take one value in."""
        self.counts[next((at for at, bound in enumerate(self.bounds) if value <= bound), -1)] += 1
        self.sum += value

    def add(self, other: Spread) -> None:
        """Take in what *other* has taken in."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


class Tally:
    """Totals; nothing here reads a clock or a file."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.values: dict[str, dict[Labels, float]] = {}
        """Of each counter and gauge, by its labels."""
        self.spreads: dict[str, dict[Labels, Spread]] = {}
        """Of each histogram, by its labels."""
        self.runs: dict[str, float] = {}
        """The runs that were counted: when it is too late for an end, seconds since 1970; 0.0 if it has come."""

    def count(self, account: Mapping[str, Any]) -> None:
        """Take in what *account* tells that no earlier one of the same run has told."""
        run = printable(text(account.get("id")))
        known = self.runs.get(run) if run else None
        over = number(account.get("ended")) is not None
        if known is None:
            self.take(beginning(account))
        if over and known != 0.0:
            self.take(ending(account))
        if run:
            length = number(table(account.get("window")).get("length_s")) or 0.0
            late = (number(account.get("started")) or 1.0) + length + LATE_S
            self._remember(run, 0.0 if over or known == 0.0 else max(1.0, late))

    def once(self, about: str, figures: Iterable[Figure]) -> None:
        """Take in *figures*, unless those of the same id, *about*, were taken in already."""
        known = printable(about)
        if known not in self.runs:
            self._remember(known, 0.0)
            self.take(figures)

    def take(self, figures: Iterable[Figure]) -> None:
        """Take in *figures*, whatever account they are of."""
        for figure in figures:
            kind = KINDS[figure.name]
            if kind.kind == HISTOGRAM:
                spreads = self.spreads.setdefault(figure.name, {})
                labels = self._bounded(kind, figure.labels, spreads)
                spreads.setdefault(labels, Spread(kind)).take(figure.value)
                continue
            values = self.values.setdefault(figure.name, {})
            if kind.kind == GAUGE:
                # A gauge of a service replaces the one before, whatever else the labels say.
                for former in [labels for labels in values if labels[0] == figure.labels[0]]:
                    del values[former]
            labels = self._bounded(kind, figure.labels, values)
            values[labels] = figure.value + (values.get(labels, 0.0) if kind.kind == COUNTER else 0.0)

    def add(self, other: Tally) -> None:
        """Take in what *other* has taken in, but not which runs those were."""
        for name, values in other.values.items():
            self.take(Figure(name, value, labels) for labels, value in values.items())
        for name, spreads in other.spreads.items():
            mine = self.spreads.setdefault(name, {})
            for labels, spread in spreads.items():
                mine.setdefault(self._bounded(KINDS[name], labels, mine), Spread(KINDS[name])).add(spread)

    def seed(self, figures: Iterable[Figure]) -> None:
        """Let *figures* be there with 0 unless they are: the first growth of what was not there before is not seen."""
        for figure in figures:
            if figure.kind == COUNTER:
                self.values.setdefault(figure.name, {}).setdefault(figure.labels, 0.0)

    def derived(self, now: float) -> Iterator[Figure]:
        """Give the figures that follow from others, as they are *now*, in seconds since 1970."""
        begun, ended = self.values.get(_BEGUN, {}), self.values.get(_ENDED, {})
        for service in sorted({labels[0] for labels in begun}):
            runs = sum(value for labels, value in begun.items() if labels[0] == service)
            of = {verdict: ended_as(ended, service, verdict) for verdict in (Verdict.CLEAN, Verdict.CANCELLED)}
            going = sum(late > now for late in self.runs.values())
            lost = max(0.0, runs - ended_as(ended, service) - going)
            judged = ended_as(ended, service) - of[Verdict.CANCELLED] + lost
            yield from graceful(service, of[Verdict.CLEAN], judged)

    def _bounded(self, kind: Kind, labels: Labels, known: Mapping[Labels, object]) -> Labels:
        """Return *labels*, or those under which they are counted because too many are *known*."""
        if labels in known or len(known) < MOST:
            return labels
        if kind.name != _FOLDED:
            folded = self.values.setdefault(_FOLDED, {})
            folded[(kind.name,)] = folded.get((kind.name,), 0.0) + 1
        few = tuple(each if name in _OWN else OTHERS for name, each in zip(kind.labels, labels, strict=True))
        return few if few in known or len(known) < 2 * MOST else (OTHERS,) * len(labels)

    def _remember(self, run: str, late: float) -> None:
        self.runs.pop(run, None)
        self.runs[run] = late
        for oldest in list(self.runs)[:-RUNS]:
            del self.runs[oldest]


def ended_as(ended: Mapping[Labels, float], service: str, verdict: str = "") -> float:
    """Return how many runs of *service* have *ended*, with this *verdict* or with any."""
    return sum(value for labels, value in ended.items() if labels[0] == service and verdict in {"", labels[2]})


def written(tally: Tally) -> str:
    """Return *tally* as text."""
    lines = [HEAD, *(f"run\t{run}\t{late!r}" for run, late in tally.runs.items())]
    for name, values in tally.values.items():
        lines += ["\t".join((name, *labels, repr(value))) for labels, value in values.items()]
    for name, spreads in tally.spreads.items():
        for labels, spread in spreads.items():
            lines.append("\t".join((name, *labels, f"{spread.sum!r} {' '.join(map(str, spread.counts))}")))
    return "\n".join(lines) + "\n"


def read(data: str) -> Tally:
    """Return the tally that was written as *data*; raise `ValueError` for what is none."""
    head, *lines = data.removesuffix("\n").split("\n")
    if head != HEAD:
        raise ValueError(f"it begins with {head[:40]!r}, and this version reads {HEAD!r}")
    tally = Tally()
    for line in lines:
        name, *labels, value = line.split("\t")
        if name == "run" and len(labels) == 1:
            tally.runs[labels[0]] = _known(value)
        elif name in KINDS and len(labels) == len(KINDS[name].labels):
            _put(tally, KINDS[name], tuple(labels), value)
        elif not name.startswith("processender_"):
            raise ValueError(f"a line begins with {line[:40]!r}")
    return tally


def _put(tally: Tally, kind: Kind, labels: Labels, value: str) -> None:
    if kind.kind != HISTOGRAM:
        tally.values.setdefault(kind.name, {})[labels] = _known(value)
        return
    total, *counts = value.split(" ")
    if len(counts) == len(kind.buckets) + 1:
        # Another version may have had other buckets; what is in them cannot be told apart.
        spread = tally.spreads.setdefault(kind.name, {}).setdefault(labels, Spread(kind))
        spread.sum, spread.counts = _known(total), [int(_known(each)) for each in counts]


def _known(value: str) -> float:
    found = number(float(value))
    if found is None or found < 0:
        raise ValueError(f"a value is {value[:40]!r}")
    return found
