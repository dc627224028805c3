"""
The figures of an account: what it adds to the counters, the gauges and the histograms of its service.

Whoever keeps totals adds them up, and whoever sends them away sends those of one account; both have them from here, so
they never differ. `kinds.KINDS` says what each of them means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..core.drain import INFLIGHT
from ..core.labels import printable
from ..core.outcome import Verdict
from ..core.record import Record
from ..hints import Any
from .kinds import KINDS
from .plain import JOINED, is_crash, number, parts, table, tables, text

LABEL = 120
"""How long the value of a label may be, in characters."""
LARGEST = 1e15
"""No value is larger: of what makes no sense the sums would be none, and with them all that was counted."""
STOLEN = "signal-stolen"
"""The code of the trouble that tells of a theft."""
_DIGITS = 16


class Figure(Record):
    """One number: what a counter grows by, what a gauge is set to, or what a histogram takes in."""

    name: str
    """That of its kind, in `KINDS`."""
    value: float
    """How much."""
    labels: tuple[str, ...]
    """The values of the labels of its kind, in their order."""

    @property
    def kind(self) -> str:
        """`counter`, `gauge` or `histogram`."""
        return KINDS[self.name].kind

    @property
    def unit(self) -> str:
        """Its unit."""
        return KINDS[self.name].unit

    @property
    def labelled(self) -> dict[str, str]:
        """The labels by name."""
        return dict(zip(KINDS[self.name].labels, self.labels, strict=True))


def figures(account: Mapping[str, Any]) -> tuple[Figure, ...]:
    """Return all that *account* tells: of a crash; or of the beginning of a run, and, if it is final, of its end."""
    if is_crash(account):
        return of_crash(text(account.get("service")), text(account.get("cause")))
    return (*beginning(account), *ending(account))


def beginning(account: Mapping[str, Any]) -> tuple[Figure, ...]:
    """Return what is known as the run of *account* begins."""
    service, cause = _who(account)
    flying = sum(_count(each.get("in_flight_at_start")) for _, each in parts(account))
    window = number(table(account.get("window")).get("length_s"))
    info = (service, *(text(account.get(name)) for name in ("version", "deployment", "zone", "node")))
    return (
        _figure("shutdowns_initiated_total", 1, service, cause),
        *(() if window is None else (_figure("shutdown_window_seconds", window, service),)),
        _figure("work_in_flight_total", flying, service),
        _figure("service_info", 1, *info),
    )


def ending(account: Mapping[str, Any]) -> tuple[Figure, ...]:
    """Return what is known when the run of *account* has ended; nothing for a provisional one."""
    if number(account.get("ended")) is None:
        return ()
    service, cause = _who(account)
    return (
        _figure("shutdowns_completed_total", 1, service, cause, text(account.get("verdict")) or "unknown"),
        *_times(account, service, cause),
        *(figure for part, each in parts(account) for figure in _handlers(each, service, JOINED if part else "")),
        *_work(account, service),
        *_owed(account, service),
        *_troubles(account, service),
    )


def of_crash(service: str, cause: str) -> tuple[Figure, ...]:
    """Return the figures of a crash of *service*, because of *cause*."""
    return (_figure("crashes_total", 1, service, cause or "unknown"),)


def of_recovery(service: str, released: int, dead: int, lags: tuple[float, ...]) -> tuple[Figure, ...]:
    """Return the figures of a recovery that *released* some, gave up others, and came so many seconds (*lags*) late."""
    return (
        *_settled(service, released, dead),
        *(_figure("recovery_lag_seconds", max(0.0, lag), service) for lag in lags),
    )


def owed(service: str, alive: int, dead: int) -> tuple[Figure, ...]:
    """Return the figures of what *service* owes now, and of what is in its dead-letter list."""
    return _figure("obligations_open", alive, service), _figure("obligations_dead", dead, service)


def graceful(service: str, clean: float, runs: float) -> tuple[Figure, ...]:
    """Return the figure of how many of the *runs* of *service* were *clean*; none without runs."""
    return (_figure("graceful_ratio", clean / runs, service),) if runs else ()


def _figure(name: str, value: float, *labels: str) -> Figure:
    kept = min(max(0.0, float(value)), LARGEST)
    return Figure(f"processender_{name}", kept, tuple(printable(each, LABEL) for each in labels))


def _who(account: Mapping[str, Any]) -> tuple[str, str]:
    return text(account.get("service")) or "unknown", text(account.get("cause")) or "unknown"


def _times(account: Mapping[str, Any], service: str, cause: str) -> Iterator[Figure]:
    seconds = number(account.get("seconds"))
    length = number(table(account.get("window")).get("length_s"))
    verdict = text(account.get("verdict"))
    if verdict != Verdict.CANCELLED:
        yield from graceful(service, verdict == Verdict.CLEAN, 1)
    if seconds is not None:
        yield _figure("shutdown_duration_seconds", max(0.0, seconds), service, cause)
        if length is not None:
            yield _figure("shutdown_remaining_seconds", max(0.0, length - seconds), service)
    plan = table(account.get("plan"))
    expected, took = number(plan.get("expected_s")), number(plan.get("took_s"))
    if expected is not None and took is not None:
        yield _figure("plan_error_seconds", abs(took - expected), service)
    waits = [
        ended
        for _, part in parts(account)
        for handler in tables(part.get("handlers"))
        if (handler.get("phase") == "drain" or text(handler.get("name")).rpartition("/")[2] == INFLIGHT)
        and number(handler.get("started_s")) is not None
        and (ended := number(handler.get("ended_s"))) is not None
    ]
    if waits:
        yield _figure("drain_wait_seconds", max(0.0, *waits), service)


def _handlers(account: Mapping[str, Any], service: str, prefix: str) -> Iterator[Figure]:
    for handler in tables(account.get("handlers")):
        name, outcome = f"{prefix}{text(handler.get('name'))}", text(handler.get("outcome"))
        if outcome:
            yield _figure("handler_outcomes_total", 1, service, name, outcome)
        started, ended = number(handler.get("started_s")), number(handler.get("ended_s"))
        if started is not None and ended is not None:
            yield _figure("handler_duration_seconds", max(0.0, ended - started), service, name)
            yield _figure("handler_retries_total", max(0, _count(handler.get("attempts")) - 1), service, name)


def _work(account: Mapping[str, Any], service: str) -> Iterator[Figure]:
    """Give what was cut: what was told to break off, else what was left behind."""
    cut = 0
    for _, each in parts(account):
        told = _length([text(one.get("what")) for one in tables(each.get("cut"))])
        left = each.get("in_flight")
        # What was told to break off and did not is in both.
        cut += max(told, _length(left) if isinstance(left, list) else 0)
    yield _figure("work_cut_total", cut, service)


def _owed(account: Mapping[str, Any], service: str) -> Iterator[Figure]:
    journals = [table(each["journal"]) for _, each in parts(account) if isinstance(each.get("journal"), dict)]
    if not journals:
        return
    dead = sum(1 for each in journals for first in tables(each.get("first")) if first.get("state") == "dead")
    yield from owed(service, max(0, sum(_count(each.get("owed")) for each in journals) - dead), dead)
    if text(account.get("verdict")) != Verdict.CANCELLED:
        # After a run that was taken back life goes on, and the next account tells of the whole of it.
        yield from _settled(service, sum(_count(each.get("released")) for each in journals), dead)


def _settled(service: str, released: int, dead: int) -> tuple[Figure, ...]:
    return (
        _figure("obligations_settled_total", released, service, "released"),
        _figure("obligations_settled_total", dead, service, "dead"),
    )


def _troubles(account: Mapping[str, Any], service: str) -> Iterator[Figure]:
    codes = [text(each.get("code")) or "unknown" for _, part in parts(account) for each in tables(part.get("troubles"))]
    for code in dict.fromkeys(codes):
        yield _figure("troubles_total", codes.count(code), service, code)
    yield _figure("signal_thefts_total", codes.count(STOLEN), service)


def _count(value: object) -> int:
    found = number(value)
    return 0 if found is None else max(0, int(found))


def _length(names: list[Any]) -> int:
    """Return how many there are; the last may tell of more."""
    words = text(names[-1]).split() if names else []
    if len(words) == 3 and (words[0], words[2]) == ("and", "more") and words[1][:_DIGITS].isdecimal():
        return len(names) - 1 + int(words[1][:_DIGITS])
    return len(names)
