"""The line of an account in an archive, and what is read back from it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.accounts.entry import LONGEST, MOST_HANDLERS, crash_line, line_of, mark_line, storable
from processender.accounts.reading import Line, NewerLine
from processender.core.written import as_text
from tests.unit.archive.accounts import NOON, account, handler

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FIELDS = sorted(account())


def back(line: dict[str, object]) -> Line:
    """Return the line as a reader finds it in the file."""
    return Line(json.loads(as_text(line)))


def test_a_run_that_has_only_begun_is_a_start_without_an_end() -> None:
    """Whoever reads it knows until when it must have ended."""
    line = line_of(account(ended=None))

    assert ("1", NOON, 30.0) == (line["start"], line["at"], line["window_s"])
    assert not {"end", "verdict", "handlers"} & line.keys()


def test_the_line_of_an_end_comes_back_as_it_was() -> None:
    """With its handlers."""
    found = back(line_of(account(zone="b", handlers=[handler("drain", "skipped", reason="no time")])))

    assert ("end", "1", "shop", "1.0.0", "b", "SIGTERM") == (
        found.kind, found.id, found.service, found.version, found.zone, found.cause,
    )  # fmt: skip
    assert [("drain", "flush", "must", "skipped", 1.0, 0, "no time", 5.0)] == found.handlers


def test_the_handlers_of_joined_applications_are_those_of_the_command() -> None:
    """An agent keeps one account for all of them; what they have tried again stands there by its short name."""
    second = {"service": "worker", "handlers": [handler("worker/stop")], "retries": [{"handler": "stop"}]}
    first = {
        "service": "app",
        "handlers": [handler("app/commit")],
        "retries": [{"handler": "commit"}, {"handler": "commit"}],
        "others": [second],
    }
    found = back(line_of(account(command=first)))

    assert [("flush", 0), ("command/app/commit", 2), ("command/worker/stop", 1)] == [
        (each[0], each[5]) for each in found.handlers
    ]


def test_a_handler_that_never_began_took_no_time_that_is_known() -> None:
    """A nought would be counted."""
    assert [None] == [each[4] for each in back(line_of(account(handlers=[handler(started_s=None)]))).handlers]


def test_a_long_name_is_cut() -> None:
    """A line is bounded, whatever a name holds."""
    found = line_of(account(zone="x" * 10_000, handlers=[handler("y" * 10_000)] * 1_000))

    assert LONGEST == len(found["zone"]) == len(found["handlers"][0][0])
    assert MOST_HANDLERS == len(found["handlers"])


@pytest.mark.parametrize("name", ['a"b', "a\nb", "<script>", "a\\b", "a\u2028b", "\U0001f600"])
def test_a_hostile_name_comes_back_as_it_was(name: str) -> None:
    """Who shows it must see to it; the line stays one line."""
    line = line_of(account(zone=name))

    assert "\n" not in as_text(line)
    assert name == back(line).zone


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_what_no_database_takes_is_replaced(name: str) -> None:
    """NUL, and half of a sign."""
    assert storable(name) in {"a\ufffdb", "a?b"}


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANYTHING)))
def test_an_account_of_anything_has_a_line_that_can_be_written(found: dict[str, object]) -> None:
    """It may be of another version, or damaged; and its line is read, or refused."""
    written = as_text(line_of(found))
    try:
        Line(json.loads(written))
    except ValueError:
        pass

    assert "\n" not in written


@given(ANYTHING, st.sampled_from(sorted(line_of(account()))))
def test_a_line_of_anything_is_read_or_refused(value: object, field: str) -> None:
    """Never anything else."""
    try:
        Line({**line_of(account()), field: value})
    except ValueError:
        pass


@given(st.lists(ANYTHING, min_size=8, max_size=8))
def test_a_handler_of_anything_is_read_or_refused(values: list[object]) -> None:
    """A list in the place of a name, too."""
    try:
        Line({**line_of(account()), "handlers": [values]})
    except ValueError:
        pass


def test_a_line_of_a_later_version_is_told_from_a_damaged_one() -> None:
    """It is left out, and said."""
    with pytest.raises(NewerLine):
        Line({**line_of(account()), "v": 2})


@pytest.mark.parametrize("at", [None, "1", True, -1.0, float("nan"), float("inf"), 1e300, 5e9])
def test_a_line_without_a_date_is_none(at: object) -> None:
    """It could be on no day."""
    with pytest.raises(ValueError, match="no date"):
        Line({**line_of(account()), "at": at})


def test_a_crash_is_a_run_that_has_crashed() -> None:
    """It knows where it was."""
    found = back(crash_line({"id": "c", "service": "shop", "cause": "oom", "at": NOON, "version": "2", "zone": "b"}))

    assert ("crash", "crashed", "oom", "2", "b") == (found.kind, found.verdict, found.cause, found.version, found.zone)


def test_a_mark_has_its_words() -> None:
    """And is of one service, or of all."""
    found = back(mark_line("incident", "broker away", NOON, "shop"))

    assert ("mark", "incident", "broker away", "shop") == (found.kind, found.id, found.text, found.service)


def test_a_mark_of_an_unknown_kind_is_none() -> None:
    """Nobody could draw it."""
    with pytest.raises(ValueError, match="kind"):
        back(mark_line("party", "x", NOON))
