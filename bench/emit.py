"""What an event costs, from whoever tells of it to its end in each observer: processor time of all threads."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable

from processender.accounts.exposition import exposition
from processender.core.events import (
    AttemptFailed,
    AttemptStarted,
    Event,
    HandlerEnded,
    Noted,
    NoticeHeard,
    RunEnded,
    RunStarted,
    Waiting,
)
from processender.core.handler import Handler
from processender.core.notice import Notice
from processender.core.outcome import Outcome, Result, Verdict
from processender.engine.clock import SystemClock
from processender.engine.observers import Outlets
from processender.integrations.opentelemetry import TracingObserver
from processender.integrations.structlog import StructlogObserver
from processender.measuring import Measuring
from processender.ports import Observer
from processender.telemetry.structured import LoggingObserver
from processender.telemetry.totals import take
from processender.telling import Bookkeeper
from processender.testing.simulate import make_plan

from .figures import Figure, say

ROUNDS = 15
RUNS = 200
LIMIT_S = 60.0
NAMES = ("readiness", "drain", "stop-consumer", "flush", "pool", "lock")


def run_of_six() -> list[Event]:
    """Return the events of a run of six handlers, one of which is repeated, as they come."""
    notice = Notice("SIGTERM", "signals", 0.0, signum=15)
    events: list[Event] = [NoticeHeard(0.0, notice)]
    events.append(RunStarted(0.0, "20261128T120000-1a2b3c", notice, make_plan([Handler(name) for name in NAMES])))
    for at, name in enumerate(NAMES):
        events.append(AttemptStarted(at, name, 1, at + 5.0))
        events.append(Noted(at + 0.1, name, "the last of 3 has left"))
        events.append(HandlerEnded(at + 0.9, Result(name, Outcome.DONE, "", at, at + 0.9, 1)))
    events.append(AttemptFailed(3.2, "flush", 1, "ConnectionRefusedError: port 5432", 3.4))
    events.append(Waiting(4.0, ("GET /feed", "GET /export")))
    return [*events, RunEnded(6.0, "20261128T120000-1a2b3c", Verdict.CLEAN, 6.0)]


def microseconds(*observers: Observer, events: Callable[[], list[Event]] = run_of_six) -> float:
    """Return the least processor time, in microseconds, that an event takes with *observers*, all threads together."""
    outlets = Outlets(SystemClock())
    for observer in observers:
        outlets.add(observer)
    told = events()
    least = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(RUNS):
            for event in told:
                outlets.emit(event)
        assert outlets.flush(time.monotonic() + LIMIT_S)
        least = min(least, time.process_time() - began)
    outlets.close()
    return least / (RUNS * len(told)) * 1e6


class _Nowhere(logging.Handler):
    """A handler that writes nothing, so that only the way to it is measured."""

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""


class _Nobody:
    """An observer that does nothing with what it is told."""

    def observe(self, event: Event) -> None:
        """Take one event."""


def logs() -> Observer:
    """Return the observer of `logging`, at its most talkative level."""
    logger = logging.getLogger("processender.bench")
    logger.propagate = False
    logger.handlers = [_Nowhere()]
    logger.setLevel(logging.DEBUG)
    return LoggingObserver("bench")


def structured() -> Observer:
    """Return the observer of structlog, with a logger that writes nothing."""
    import structlog

    silent = structlog.wrap_logger(
        structlog.ReturnLogger(),
        processors=[lambda _logger, _method, line: ((), line)],
        wrapper_class=structlog.BoundLogger,
    )
    return StructlogObserver("bench", logger=silent)


def traced() -> Observer:
    """Return the observer of the OpenTelemetry SDK, with a batch of spans that goes nowhere."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return TracingObserver(provider, close=False)


def counted() -> tuple[float, str]:
    """Return the milliseconds that it takes to count a run in the totals of its service, and to expose them."""
    names = [f"handler-{number}" for number in range(20)]
    handlers = [{"name": name, "outcome": "done", "attempts": 1, "started_s": 0.1, "ended_s": 0.4} for name in names]
    run = {"service": "bench", "cause": "SIGTERM", "verdict": "clean", "ended": 1.0, "handlers": handlers}
    least = float("inf")
    with tempfile.TemporaryDirectory() as place:
        measuring = Measuring(place, "bench")
        for number in range(ROUNDS * 4):
            began = time.process_time()
            take(place, {**run, "id": f"{number}"})
            exposition(measuring.tally(1.0))
            least = min(least, time.process_time() - began)
    return least * 1e3, "ms"


def measure() -> list[Figure]:
    """Measure the emit cost with no observer, with one that does nothing, and with each that comes along."""
    say("emit ...")
    nobody = microseconds(_Nobody())
    beside = f"{nobody:.2f} us of it are the queue and the thread"
    return [
        Figure("an event with no observer", microseconds(), "us", bar=0.3),
        Figure("an event to Prometheus", microseconds(Bookkeeper()), "us", bar=2.0, beside=beside),
        Figure(
            "an account into the totals, and out of them for a scrape",
            *counted(),
            beside="20 handlers; on a thread of its own",
        ),
        Figure("an event to logging", microseconds(logs()), "us", bar=10.0, beside=beside),
        Figure("an event to structlog", microseconds(structured()), "us", bar=10.0, beside=beside),
        Figure("an event to the OpenTelemetry SDK", microseconds(traced()), "us", bar=25.0, beside=beside),
    ]
