"""What an account adds to the figures of its service."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.accounts.figures import Figure, beginning, ending, figures
from processender.accounts.kinds import GAUGE, HISTOGRAM, KINDS

HANDLERS = [
    {"name": "drain", "phase": "drain", "outcome": "done", "attempts": 1, "started_s": 0.1, "ended_s": 2.1},
    {"name": "inflight", "phase": "quiesce", "outcome": "done", "attempts": 1, "started_s": 2.1, "ended_s": 3.6},
    {"name": "flush", "phase": "flush", "outcome": "failed", "attempts": 3, "started_s": 3.6, "ended_s": 5.0},
    {"name": "close", "phase": "close", "outcome": "skipped", "attempts": 0, "started_s": None, "ended_s": 5.0},
]


def account(**other: Any) -> dict[str, Any]:
    """Return the account of a run that has ended, with what is *other* in it."""
    return {
        "id": "1-a", "service": "shop", "version": "1.4.2", "deployment": "blue", "zone": "b", "node": "n1",
        "cause": "SIGTERM", "verdict": "degraded", "started": 1000.0, "ended": 1005.5, "seconds": 5.5,
        "window": {"length_s": 30.0}, "handlers": HANDLERS, "plan": {"expected_s": 4.0, "took_s": 5.0},
        "in_flight_at_start": 7, "in_flight": [], "cut": [{"what": "GET /"}, {"what": "and 3 more"}],
        "journal": {"owed": 3, "first": [{"state": "dead"}, {"state": "failed"}], "released": 4},
        "troubles": [{"code": "signal-stolen"}, {"code": "observer-failed"}, {"code": "signal-stolen"}],
        "command": None, **other,
    }  # fmt: skip


def told(found: tuple[Figure, ...], name: str) -> dict[tuple[str, ...], float]:
    """Return the values of the figure with this *name*, by its labels without the service."""
    return {each.labels[1:]: each.value for each in found if each.name == f"processender_{name}"}


def test_every_figure_is_in_the_table_with_its_labels_and_its_unit() -> None:
    """Whoever sends them away finds all that is to be said of them there."""
    found = figures(account())

    assert {each.name for each in found} <= KINDS.keys()
    assert all(list(each.labelled) == list(KINDS[each.name].labels) and each.unit for each in found)
    assert all(bool(kind.buckets) == (kind.kind == HISTOGRAM) for kind in KINDS.values())
    assert all(kind.labels[0] == "service" for kind in KINDS.values() if kind.kind == GAUGE)


def test_an_account_tells_how_its_run_ended_and_what_it_had_left() -> None:
    """By cause and verdict; the rest of the window, and how wrong the plan was."""
    found = figures(account())

    assert {("SIGTERM",): 1} == told(found, "shutdowns_initiated_total")
    assert {("SIGTERM", "degraded"): 1} == told(found, "shutdowns_completed_total")
    assert {(): 0} == told(found, "graceful_ratio")
    assert {("SIGTERM",): 5.5} == told(found, "shutdown_duration_seconds")
    assert {(): 24.5} == told(found, "shutdown_remaining_seconds")
    assert {(): 1.0} == told(found, "plan_error_seconds")
    assert {(): 3.6} == told(found, "drain_wait_seconds")
    assert {("1.4.2", "blue", "b", "n1"): 1} == told(found, "service_info")


def test_an_account_tells_of_its_handlers_its_work_what_is_owed_and_what_went_wrong() -> None:
    """A handler that never began took no time; of the work that is in a list in part, the rest counts, too."""
    found = figures(account())

    assert {("flush", "failed"): 1, ("close", "skipped"): 1}.items() <= told(found, "handler_outcomes_total").items()
    assert {("drain",): 2.0, ("inflight",): 1.5, ("flush",): 1.4} == {
        name: round(value, 6) for name, value in told(found, "handler_duration_seconds").items()
    }
    assert {("drain",): 0, ("inflight",): 0, ("flush",): 2} == told(found, "handler_retries_total")
    assert ({(): 7}, {(): 4}) == (told(found, "work_in_flight_total"), told(found, "work_cut_total"))
    assert ({(): 2}, {(): 1}) == (told(found, "obligations_open"), told(found, "obligations_dead"))
    assert {("released",): 4, ("dead",): 1} == told(found, "obligations_settled_total")
    assert {(): 2} == told(found, "signal_thefts_total")
    assert {("signal-stolen",): 2, ("observer-failed",): 1} == told(found, "troubles_total")


def test_a_provisional_account_tells_of_the_beginning_alone() -> None:
    """That is how a process that was killed shows: it has begun, and never ended."""
    begun = account(ended=None, seconds=None)

    assert () == ending(begun)
    assert beginning(begun) == figures(begun)


def test_a_run_that_was_taken_back_says_nothing_of_grace_and_nothing_twice_of_what_was_released() -> None:
    """The next account of that life tells of all of it."""
    found = figures(account(verdict="cancelled"))

    assert {("SIGTERM", "cancelled"): 1} == told(found, "shutdowns_completed_total")
    assert {} == told(found, "graceful_ratio") == told(found, "obligations_settled_total")


def test_the_account_of_an_agent_tells_of_the_applications_that_had_joined_it() -> None:
    """Their handlers by their name behind the command's; one shutdown, and the work of all."""
    inner = account(handlers=[{**HANDLERS[2], "name": "shop/flush"}], in_flight_at_start=5, cut=[])
    found = figures(account(command={**inner, "others": [{**inner, "troubles": []}, "odd"]}))

    assert 1 == sum(told(found, "shutdowns_completed_total").values())
    assert ("command/shop/flush", "failed") in told(found, "handler_outcomes_total")
    assert ({(): 17}, {(): 4}) == (told(found, "work_in_flight_total"), told(found, "signal_thefts_total"))


@given(st.dictionaries(st.sampled_from(sorted(account())), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "what", "code", "ended_s", "started_s", "owed", "first", "others", "length_s"]), inner, max_size=3
    ), max_leaves=8,
)))  # fmt: skip
def test_no_account_whatever_is_in_it_makes_it_stumble(odd: dict[str, Any]) -> None:
    """Of another version, or damaged; labels are of one line and short, and values are numbers."""
    found = figures(account(**odd))

    assert all(each.value >= 0 for each in found)
    assert all(label.isprintable() and len(label) <= 120 for each in found for label in each.labels)


@pytest.mark.parametrize("name", ['quo"te', "line\nbreak", "<script>", "x" * 10_000, "back\\slash"])
def test_a_name_may_be_anything(name: str) -> None:
    """It is shortened, and what would break a line is written out."""
    found = told(figures(account(cause=name)), "shutdowns_completed_total")

    assert [1.0] == list(found.values())
