"""One vocabulary of everything that leaves: every event uses its words, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import opentelemetry.semconv
import pytest

import processender
from processender.core import vocabulary
from processender.core.attributes import SAID, attributes, words_of
from processender.core.events import AttemptFailed, HandlerEnded, NoticeHeard, RoomEvent, RunStarted
from processender.core.handler import Handler
from processender.core.notice import Notice
from processender.core.outcome import Outcome, Result
from processender.core.vocabulary import ATTRIBUTES, PREFIX, event_name
from processender.testing.simulate import make_plan
from tests.unit.core.test_events import MEMBERS, SAMPLES, made, rooms

TYPES = {"string": str, "string[]": tuple, "int": int, "double": float, "boolean": bool}
SOURCE = Path(processender.__file__).parent


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.__name__)
def test_every_event_uses_the_words_of_the_vocabulary(kind: type) -> None:
    """Each attribute is known, and its value of the type that the table promises."""
    told = attributes(SAMPLES[kind][0])

    assert told.keys() <= ATTRIBUTES.keys()
    for key, value in told.items():
        assert isinstance(value, TYPES[ATTRIBUTES[key].kind]), key


def test_every_event_of_the_core_has_its_row() -> None:
    """Who adds an event says in which words it is told."""
    assert set(MEMBERS) - {RoomEvent} == SAID.keys()


@pytest.mark.parametrize("kind", rooms(), ids=lambda kind: kind.__name__)
def test_every_event_of_a_room_uses_the_words_of_the_vocabulary(kind: Any) -> None:
    """So do those that rooms above the core add."""
    assert kind.words
    assert attributes(made(kind)).keys() == set(words_of(kind)) <= ATTRIBUTES.keys()


def test_no_two_events_have_one_key() -> None:
    """A filter for one finds no other."""
    kinds = [*(kind for kind in MEMBERS if kind is not RoomEvent), *rooms()]
    keys = [kind.key for kind in kinds]

    assert sorted(set(keys)) == sorted(keys)
    assert all(re.fullmatch(r"[a-z]+(\.[a-z]+)*", key) for key in keys)


def test_no_word_is_the_namespace_of_another() -> None:
    """A backend that takes dots as levels would refuse one of them."""
    assert [] == [(a, b) for a in ATTRIBUTES for b in ATTRIBUTES if b.startswith(f"{a}.")]


def test_what_is_not_ours_is_a_word_of_opentelemetry() -> None:
    """Whoever knows its conventions knows these."""
    root = Path(opentelemetry.semconv.__path__[0])
    known = "".join(path.read_text(encoding="utf-8") for path in root.rglob("*_attributes.py"))

    assert [] == [key for key in ATTRIBUTES if not key.startswith(PREFIX) and f'"{key}"' not in known]


def test_no_key_is_written_anywhere_that_the_vocabulary_does_not_know() -> None:
    """A word that a room writes out, so as not to load all of them, is one of them."""
    names = {event_name(kind.key) for kind in (*MEMBERS, *rooms())}
    written = {
        found
        for path in SOURCE.rglob("*.py")
        for found in re.findall(r'"(processender\.(?:run|notice|window|plan|handler|attempt|stop)\.[a-z_.]+)"',
                                path.read_text(encoding="utf-8"))
    }  # fmt: skip

    assert written
    assert set() == written - ATTRIBUTES.keys() - names


def test_what_an_event_does_not_know_is_not_told() -> None:
    """An empty attribute would only be in the way of a filter."""
    told = attributes(NoticeHeard(1.0, Notice("stop", "api", 1.0)))

    assert {"processender.notice.cause", "processender.notice.origin", "processender.notice.action"} == told.keys()


def test_an_error_is_told_in_the_words_of_opentelemetry() -> None:
    """Its class and its text apart: the first can be counted."""
    told = attributes(AttemptFailed(1.0, "flush", 2, "OSError: disk: full", 3.5))

    assert ("OSError", "disk: full", 2.5) == tuple(
        told[key] for key in ("error.type", "exception.message", vocabulary.ATTEMPT_DELAY)
    )


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Result("a", Outcome.DONE, error="OSError: once", started=0.0), None),
        (Result("a", Outcome.FAILED, error="OSError: x", started=0.0), "OSError"),
        (Result("a", Outcome.TIMED_OUT, started=0.0), "timed_out"),
    ],
    ids=["done", "failed", "timed out"],
)
def test_a_handler_that_is_not_done_has_an_error_type(result: Result, expected: str | None) -> None:
    """The class of what it raised, or how it ended; what succeeded has none."""
    assert expected == attributes(HandlerEnded(1.0, result)).get("error.type")


def test_a_run_tells_its_window_and_its_plan() -> None:
    """In seconds."""
    told = attributes(RunStarted(0.0, "id", Notice("SIGTERM", "signals", 0.0, signum=15), make_plan([Handler("a")])))

    assert (30.0, 1, ("a",), 15) == tuple(
        told[key]
        for key in (
            vocabulary.WINDOW_LENGTH,
            vocabulary.PLAN_HANDLERS,
            vocabulary.PLAN_CRITICAL,
            vocabulary.NOTICE_SIGNAL,
        )
    )
