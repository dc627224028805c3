"""Events as log records with attributes, and any record as a line of JSON."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from processender.core.events import AttemptStarted, Event, HandlerEnded, PlanChanged, RunEnded, RunStarted, Trouble
from processender.core.handler import Handler, Importance
from processender.core.notice import Notice
from processender.core.outcome import Outcome, Result, Verdict
from processender.core.wording import Wording
from processender.telemetry.json_lines import JsonFormatter
from processender.telemetry.structured import LoggingObserver
from processender.testing.simulate import make_plan

STARTED = RunStarted(
    1.0, "run-1", Notice("SIGTERM", "signals", 1.0),
    make_plan([Handler("flush", phase="flush", importance=Importance.MUST)]),
)  # fmt: skip
ENDED = RunEnded(2.0, "run-1", Verdict.CLEAN, 1.0)
#: 10 KB, and all that could end a line, an object or a tag.
HOSTILE = '"}\n\r\0<script>\x1b[31m\ud800' + "x" * 10_000


class Hostile:
    """A value that cannot even be shown."""

    def __str__(self) -> str:
        """Fail."""
        raise ValueError("no")


@pytest.fixture
def lines() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """Return a logger, and where its records come as lines of JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("processender.orders")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger, stream
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def told(events: list[Event]) -> list[dict[str, object]]:
    """Return the attributes of *events*, told one after the other."""
    wording = Wording("orders")
    return [wording.say(event)[2] for event in events]


def test_logging_gets_the_level_the_text_and_the_attributes(caplog: pytest.LogCaptureFixture) -> None:
    """The attributes are those of the record, so every handler and formatter has them."""
    with caplog.at_level(logging.DEBUG):
        LoggingObserver("orders").observe(Trouble(1.0, "taken", "100 % taken"))
    (record,) = caplog.records

    assert ("processender.orders", logging.WARNING, "100 % taken") == (
        record.name, record.levelno, record.getMessage()
    )  # fmt: skip
    assert ("processender.trouble.taken", "taken", "orders") == tuple(
        vars(record)[key] for key in ("event.name", "processender.trouble.code", "service.name")
    )


def test_every_line_of_a_run_has_its_id() -> None:
    """And none before it and behind it."""
    found = told([Trouble(0.0, "a", "a"), STARTED, Trouble(1.0, "a", "a"), ENDED, Trouble(3.0, "a", "a")])

    assert [None, "run-1", "run-1", "run-1", None] == [each.get("processender.run.id") for each in found]


def test_every_line_of_a_handler_has_its_phase_and_importance() -> None:
    """As the plan has them; what no plan knows has none."""
    changed = PlanChanged(1.5, make_plan([Handler("late", phase="close")]))
    done = HandlerEnded(2.0, Result("late", Outcome.DONE))
    found = told([STARTED, AttemptStarted(1.0, "flush", 1, 2.0), changed, done, AttemptStarted(1.0, "else", 1, 2.0)])

    assert [None, ("flush", "must"), None, ("close", "should"), (None, None)] == [
        None if n in {0, 2} else tuple(each.get(f"processender.handler.{word}") for word in ("phase", "importance"))
        for n, each in enumerate(found)
    ]


def test_a_record_becomes_a_line_of_json(lines: tuple[logging.Logger, io.StringIO]) -> None:
    """With the same words."""
    LoggingObserver("orders").observe(ENDED)
    (line,) = map(json.loads, lines[1].getvalue().splitlines())

    assert ("info", "processender.orders", "ended clean after 1.00 s", "processender.run.ended", "clean", 1.0) == tuple(
        line[key]
        for key in ("level", "logger", "text", "event.name", "processender.run.verdict", "processender.run.duration")
    )
    assert abs(line["time"] - logging.makeLogRecord({}).created) < 60


def test_a_line_of_anybody_has_what_extra_gave_it(lines: tuple[logging.Logger, io.StringIO]) -> None:
    """The formatter is for the whole application; what is no data becomes text, and what has no text is named."""
    lines[0].info("paid %d", 3, extra={"order": {"id": 7}, "path": lines, "odd": Hostile()})
    (line,) = map(json.loads, lines[1].getvalue().splitlines())

    assert ("paid 3", {"id": 7}) == (line["text"], line["order"])
    assert "Hostile (its text raises ValueError)" == line["odd"]
    assert {"time", "level", "logger", "text", "order", "path", "odd"} == line.keys()


def test_an_exception_is_told_in_the_words_of_opentelemetry(lines: tuple[logging.Logger, io.StringIO]) -> None:
    """With its stack, on the same line."""
    try:
        raise OSError("disk full")
    except OSError:
        lines[0].exception("cannot save")
    (line,) = map(json.loads, lines[1].getvalue().splitlines())

    assert ("OSError", "disk full") == (line["error.type"], line["exception.message"])
    assert "test_structured.py" in line["exception.stacktrace"]


def test_a_hostile_name_stays_in_its_line(lines: tuple[logging.Logger, io.StringIO]) -> None:
    """Whatever it holds, it is one line, and the name comes back as it was."""
    LoggingObserver("orders").observe(AttemptStarted(1.0, HOSTILE, 1, 2.0))
    (line,) = map(json.loads, lines[1].getvalue().splitlines())

    assert HOSTILE == line["processender.handler.name"]
    assert line["text"].encode()


def test_whatever_extra_holds_the_line_is_one_of_json(lines: tuple[logging.Logger, io.StringIO]) -> None:
    """A list that holds itself, a key that is no text, a number that JSON has not, and the name of one of ours."""
    logger, stream = lines
    ring: list[object] = []
    ring.append(ring)
    for odd in (ring, {(1, 2): 3}, float("nan"), [float("inf")]):
        logger.info("said", extra={"odd": odd, "level": "none", "n": 1.5, "who": None})
    found = [json.loads(each, parse_constant=pytest.fail) for each in stream.getvalue().splitlines()]

    assert [("info", "said", 1.5, None)] * 4 == [
        tuple(each[key] for key in ("level", "text", "n", "who")) for each in found
    ]
    assert all(isinstance(each["odd"], str) for each in found)
