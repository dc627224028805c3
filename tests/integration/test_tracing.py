"""The end as a trace of the application's own SDK."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider

from processender import Ender, HandlerError, Retry, Transient
from processender.integrations.opentelemetry import TracingObserver


def test_each_phase_handler_and_attempt_is_a_span(tmp_path: Path) -> None:
    """Below the run, which is linked to its notice; the provider is shut down with it, and all of it is out."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    told = {"signals": (), "state": str(tmp_path), "exit": "return", "observers": [TracingObserver(provider)]}
    failures = [Transient("busy")]

    def flush() -> None:
        if failures:
            raise failures.pop()

    with Ender("orders", **told) as ender:
        ender.handler(phase="flush", retry=Retry(attempts=2, initial=0.01))(flush)
        ender.add(lambda: 1 / 0, name="close", phase="close")
        ender.add(lambda: None, name="after", phase="release", needs=["close"])

    spans = exporter.get_finished_spans()
    by_id = {each.context.span_id: each for each in spans}
    tree = {each.name: by_id[each.parent.span_id].name for each in spans if each.parent}
    (root,) = [each for each in spans if not each.parent]
    (notice,) = [each for each in spans if each.name == "notice"]

    assert {
        "phase flush": "shutdown", "handler flush": "phase flush", "handler close": "phase close",
        "handler after": "phase release", "notice": "shutdown",
    }.items() <= tree.items()  # fmt: skip
    assert ["degraded", "exit"] == [root.attributes[f"processender.run.{key}"] for key in ("verdict", "cause")]
    assert [notice.context.span_id] == [link.context.span_id for link in root.links]
    attempts = [each for each in spans if each.name == "attempt" and by_id[each.parent.span_id].name == "handler flush"]
    assert [False, True] == [each.status.is_ok for each in attempts]
    assert all(root.start_time <= each.start_time <= each.end_time <= root.end_time for each in attempts)
    assert (
        "ZeroDivisionError: division by zero" == next(s for s in spans if s.name == "handler close").status.description
    )


def test_without_an_sdk_nothing_is_done(tmp_path: Path) -> None:
    """The provider of the API alone records nothing."""
    told = {
        "signals": (),
        "state": str(tmp_path),
        "exit": "return",
        "observers": [TracingObserver(NoOpTracerProvider())],
    }
    with Ender("orders", **told) as ender:
        ender.add(lambda: None, name="close")

    assert ender.report is not None
    assert "clean" == ender.report["verdict"]
    assert "observer-failed" not in [each["code"] for each in ender.report["troubles"]]


def test_what_is_no_provider_is_refused() -> None:
    """At once."""
    with pytest.raises(HandlerError, match="TracingObserver"):
        TracingObserver("otlp")
