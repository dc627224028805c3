"""Events as lines of structlog."""

from __future__ import annotations

import pytest
import structlog
from structlog.testing import capture_logs

from processender.core.events import AttemptStarted, HandlerStuck, RunEnded, Trouble
from processender.core.outcome import Verdict
from processender.errors import HandlerError
from processender.integrations.structlog import StructlogObserver
from processender.ports import Observer


def test_an_event_is_a_line_with_its_attributes() -> None:
    """Under its stable name, with the text for a person beside it."""
    observer: Observer = StructlogObserver("orders")
    with capture_logs() as lines:
        observer.observe(RunEnded(2.0, "run-1", Verdict.DEGRADED, 1.0))

    assert [
        {
            "event": "processender.run.ended", "log_level": "warning", "text": "ended degraded after 1.00 s",
            "service.name": "orders", "processender.run.id": "run-1", "processender.run.verdict": "degraded",
            "processender.run.duration": 1.0,
        }
    ] == lines  # fmt: skip


def test_the_level_is_that_of_the_event() -> None:
    """Each attempt is for those who debug."""
    observer = StructlogObserver("orders")
    with capture_logs() as lines:
        observer.observe(AttemptStarted(1.0, "flush", 1, 2.0))
        observer.observe(Trouble(1.0, "code", "text"))
        observer.observe(HandlerStuck(1.0, "flush", "its time is up", "  File x"))

    assert ["debug", "warning", "warning"] == [line["log_level"] for line in lines]


def test_the_logger_of_the_application_keeps_what_is_bound_to_it() -> None:
    """Its context is in every line."""
    with capture_logs() as lines:
        bound = structlog.get_logger().bind(region="eu-1")
        StructlogObserver("orders", logger=bound).observe(AttemptStarted(1.0, "flush", 1, 2.0))

    assert ["eu-1"] == [line["region"] for line in lines]


def test_what_is_no_logger_is_refused_at_once() -> None:
    """Not at the end."""
    with pytest.raises(HandlerError, match="a logger of structlog; write StructlogObserver"):
        StructlogObserver("orders", logger=object())
