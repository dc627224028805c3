"""Providers of OpenTelemetry and what `logging` holds back: written out last of all, and never in the exit's way."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from processender.integrations.caches import flush_handler, stop_listener
from processender.integrations.opentelemetry import close_provider
from tests.integration.ends import Report, end, quiet
from tests.integration.library_programs import run


@pytest.fixture
def deaf() -> Iterator[int]:
    """Return the port of a collector that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


def test_spans_are_exported_at_the_end_of_all(tmp_path: Path) -> None:
    """Also those of the last handlers; all three kinds of provider have a handler of their own."""
    exporter = InMemorySpanExporter()
    tracers, meters, loggers = TracerProvider(), MeterProvider([InMemoryMetricReader()]), LoggerProvider()
    tracers.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    tracer = tracers.get_tracer("test")

    with quiet(tmp_path) as ender:
        for provider in (tracers, meters, loggers):
            ender.add(close_provider(provider))

        @ender.handler(phase="release")
        def give_back() -> None:
            tracer.start_span("the last").end()

    report = Report(ender)
    names = ["opentelemetry-tracer", "opentelemetry-meter", "opentelemetry-logger"]

    assert "clean" == report.verdict, report.whole["handlers"]
    assert "give-back" == report.order()[0]
    assert set(names) == set(report.order()[1:])
    assert ["the last"] == [span.name for span in exporter.get_finished_spans()]


def test_telemetry_keeps_its_time_whatever_comes_before_takes(tmp_path: Path) -> None:
    """A handler that eats all time it gets ends before the slice of the flush begins (P23)."""
    exporter = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    tracers.get_tracer("test").start_span("kept").end()

    with quiet(tmp_path, grace=2.5) as ender:
        ender.add(close_provider(tracers, expected=0.8))

        @ender.handler(phase="close")
        def greedy(ctx: Any) -> None:
            asked = threading.Event()
            ctx.on_cancel(asked.set)
            asked.wait()
            raise TimeoutError

    report = Report(ender)

    assert ["timed_out", "done"] == [report[name]["outcome"] for name in ("greedy", "opentelemetry-tracer")]
    assert ["kept"] == [span.name for span in exporter.get_finished_spans()]


def test_telemetry_leaves_a_short_window_to_the_rest(tmp_path: Path) -> None:
    """What is kept for it is little; data comes first."""
    ender = quiet(tmp_path)
    ender.add(close_provider(TracerProvider()))
    ender.add(lambda: None, name="flush", phase="flush", timeout=10.0)

    assert {"done"} == {each["outcome"] for each in ender.dry_run(1.0)["handlers"]}


DEAF = """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import {processor}
from processender.integrations.opentelemetry import close_provider

logging.getLogger('opentelemetry').setLevel(logging.CRITICAL)
provider = TracerProvider()
provider.add_span_processor({processor}(OTLPSpanExporter('http://127.0.0.1:{port}/v1/traces', timeout=3600)))
ender = Ender('orders', grace=20)
ender.add(close_provider(provider, timeout=0.3))
with ender:
    tracer = provider.get_tracer('test')
    threading.Thread(target=lambda: tracer.start_span('lost').end(), daemon=True).start()
    say('ready')
    ender.stopping.wait()
"""


def test_a_collector_that_is_deaf_holds_up_no_exit(deaf: int) -> None:
    """Neither the end nor the interpreter's exit waits for it; the report says so (P23)."""
    ended = run(DEAF.format(processor="BatchSpanProcessor", port=deaf), "TERM")
    step = ended.handler("opentelemetry-tracer")

    assert 0 == ended.code
    assert step["outcome"] in {"failed", "timed_out"}
    assert "the collector of TracerProvider' did not answer" in step["error"]
    assert step["ended_s"] - step["started_s"] < 10


def test_a_provider_that_blocks_is_not_asked_again_at_the_exit() -> None:
    """Its own handler there would wait without a limit."""
    source = """
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from processender.integrations.opentelemetry import close_provider

class Blocks(SpanProcessor):
    def shutdown(self):
        say('asked')
        threading.Event().wait()

provider = TracerProvider()
provider.add_span_processor(Blocks())
ender = Ender('orders', grace=20)
ender.add(close_provider(provider, timeout=2))
with ender:
    say('ready')
    ender.stopping.wait()
"""
    ended = run(source, "TERM")

    assert 0 == ended.code
    assert 1 == ended.lines.count("asked")


# What logging holds back.


class Kept(logging.Handler):
    """Keeps the messages."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        super().__init__()
        self.said: list[str] = []
        self._gate = gate

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one, once the gate is open."""
        if self._gate is not None:
            self._gate.wait()
        self.said.append(record.getMessage())


def test_buffered_records_are_flushed_last(tmp_path: Path) -> None:
    """What the other handlers of the last phase log is among them."""
    kept = Kept()
    memory = logging.handlers.MemoryHandler(1000, target=kept)
    logger = logging.Logger("test")  # noqa: LOG001 - one that nobody else has
    logger.addHandler(memory)

    with quiet(tmp_path) as ender:
        ender.add(flush_handler(memory))
        ender.add(lambda: logger.info("the last"), name="give-back", phase="release")

    assert "clean" == Report(ender).verdict
    assert ["the last"] == kept.said


def test_a_buffer_without_a_target_is_told(tmp_path: Path) -> None:
    """Flushing it keeps the records where they are."""
    memory = logging.handlers.MemoryHandler(1000)
    logger = logging.Logger("test")  # noqa: LOG001 - one that nobody else has
    logger.addHandler(memory)
    logger.info("lost")

    assert "1 record and no target" in end(tmp_path, flush_handler(memory)).outcome("log-buffer")


@pytest.mark.parametrize("started", [True, False])
def test_a_listener_writes_what_is_queued_and_stops(started: bool, tmp_path: Path) -> None:
    """Also when its queue is full; one that was never started is left alone."""
    kept, records = Kept(), queue.Queue[Any](maxsize=2)
    listener = logging.handlers.QueueListener(records, kept)
    for word in ("one", "two"):
        records.put(logging.makeLogRecord({"msg": word}))
    if started:
        listener.start()
    report = end(tmp_path, stop_listener(listener))

    assert "clean" == report.verdict, report.whole["handlers"]
    assert (["one", "two"] if started else []) == kept.said


def test_a_listener_whose_handler_blocks_is_left(tmp_path: Path) -> None:
    """Its thread is a daemon, so nothing waits for it."""
    gate = threading.Event()
    records = queue.Queue[Any]()
    listener = logging.handlers.QueueListener(records, Kept(gate))
    records.put(logging.makeLogRecord({"msg": "one"}))
    listener.start()
    report = end(tmp_path, stop_listener(listener, timeout=0.2))
    gate.set()

    assert "did not answer within" in report.outcome("log-listener")
