"""The timeline of one run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.accounts.timeline import Attempt, Stretch, timeline


def handler(name: str, start: float | None, end: float, phase: str = "close", **more: Any) -> dict[str, Any]:
    """Return a handler as a report has it."""
    outcome = "skipped" if start is None else "done"
    return {"name": name, "phase": phase, "outcome": outcome, "started_s": start, "ended_s": end, "needs": [], **more}


def account(*handlers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an account with *handlers*."""
    window = {"length_s": 30.0, "work_s": 26.0, "reserve_s": 2.0, "kind": "configured"}
    ended = {"started": 1000.0, "ended": 1010.0, "seconds": 10.0, "verdict": "clean"}
    return {"id": "1", "service": "shop", "window": window, **ended, "handlers": [*handlers], **more}


def test_the_window_is_cut_where_handlers_have_to_end_and_where_it_ends() -> None:
    """Both stand in the account as lengths from its opening."""
    line = timeline(account())

    assert (26.0, 30.0, 10.0, 30.0) == (line.soft, line.hard, line.seconds, line.end)


def test_a_run_beyond_its_window_is_longer_than_that() -> None:
    """The drawing has to have room for it."""
    assert 31.5 == timeline(account(handler("late", 29.0, 31.5))).end


def test_the_critical_path_goes_back_from_what_ended_last_over_what_it_has_waited_for() -> None:
    """A handler that was ready earlier than the other has decided nothing."""
    line = timeline(
        account(
            handler("drain", 0.0, 2.0, "drain"),
            handler("quick", 2.0, 2.5),
            handler("flush", 2.0, 5.0),
            handler("close", 5.0, 6.0, needs=["flush"]),
            handler("beside", 2.0, 4.0),
        )
    )

    assert ("drain", "flush", "close") == line.critical
    assert ["drain", "flush", "close"] == [bar.name for bar in line.bars if bar.critical]


def test_who_was_held_by_a_limit_has_waited_for_who_ended_just_before() -> None:
    """One worker for two handlers makes a path, though neither needs the other."""
    assert ("first", "second") == timeline(account(handler("first", 0.0, 3.0), handler("second", 3.001, 5.0))).critical
    assert ("second",) == timeline(account(handler("first", 0.0, 3.0), handler("second", 3.5, 5.0))).critical


def test_a_retry_cuts_a_bar_into_attempts() -> None:
    """Between them lies the pause."""
    retries = [{"handler": "flush", "attempt": 1, "at_s": 1.0, "again_s": 1.5, "error": "OSError: no"}]
    [bar] = timeline(account(handler("flush", 0.0, 3.0), retries=retries)).bars

    assert (Attempt(0.0, 1.0, "OSError: no"), Attempt(1.5, 3.0)) == bar.attempts


def test_a_pause_in_which_the_time_was_up_has_no_attempt_behind_it() -> None:
    """It was never begun."""
    retries = [{"handler": "flush", "attempt": 1, "at_s": 1.0, "again_s": 9.0, "error": "OSError: no"}]
    [bar] = timeline(account(handler("flush", 0.0, 3.0), retries=retries)).bars

    assert (Attempt(0.0, 1.0, "OSError: no"),) == bar.attempts


def test_what_was_skipped_is_there_with_its_reason_and_without_times() -> None:
    """It is what somebody looks for."""
    [bar] = timeline(account(handler("warm", None, 0.0, reason="no time was left"))).bars

    assert ("skipped", "no time was left", None, None, ()) == (bar.outcome, bar.why, bar.start, bar.end, bar.attempts)


def test_phases_reach_from_their_first_handler_to_the_end_of_their_last() -> None:
    """In the order in which they began."""
    line = timeline(
        account(
            handler("drain", 0.0, 2.0, "drain"), handler("a", 2.0, 3.0), handler("b", 2.5, 4.0), handler("c", None, 0)
        )
    )

    assert (Stretch("drain", 0.0, 2.0), Stretch("close", 2.0, 4.0)) == line.phases


def test_the_handlers_of_a_joined_application_stand_behind_those_of_the_agent_at_their_own_time() -> None:
    """Its account counts from its own beginning, and names them with the service before their names."""
    retries = [{"handler": "flush", "attempt": 1, "at_s": 0.5, "again_s": 0.5, "error": "E"}]
    own = account(handler("app/flush", 0.0, 1.0), handler("app/close", 1.0, 2.0, needs=["flush"]), retries=retries)
    joined = {**own, "service": "app", "started": 1000.25}
    line = timeline(account(handler("command", 0.0, 3.0, "stop"), command=joined))

    assert [("command", "", 0.0), ("app/flush", "app", 0.25), ("app/close", "app", 1.25)] == [
        (bar.name, bar.part, bar.start) for bar in line.bars
    ]
    assert 2 == len(line.bars[1].attempts)
    assert ("command", "app/flush", "app/close") == line.critical


def test_each_of_several_joined_applications_is_there() -> None:
    """The first of them carries the others."""
    first, second = ({**account(handler(f"{name}/x", 0.0, 1.0)), "service": name} for name in ("a", "b"))
    line = timeline(account(command={**first, "others": [second]}))

    assert ["a", "b"] == [bar.part for bar in line.bars]


def test_of_a_provisional_account_it_is_said_that_nothing_was_heard_again() -> None:
    """The process was killed in its run."""
    line = timeline(account({"name": "flush", "phase": "close", "outcome": None}, ended=None, seconds=None))

    assert ("killed", None, "", None) == (line.verdict, line.seconds, line.bars[0].outcome, line.bars[0].start)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "at_s", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_FIELDS = ("id", "window", "started", "ended", "seconds", "handlers", "retries", "command", "length_s", "work_s")
_INNER = ("name", "phase", "outcome", "reason", "started_s", "ended_s", "needs", "handler", "at_s", "again_s")


@given(
    st.dictionaries(
        st.sampled_from(_FIELDS),
        _ANY | st.lists(st.dictionaries(st.sampled_from(_INNER), _ANY, max_size=8), max_size=4),
        max_size=8,
    )
)
def test_a_damaged_account_has_a_timeline_too(damaged: dict[str, Any]) -> None:
    """What is missing reads as nothing, and no time is beyond all measure."""
    line = timeline(damaged)

    assert 0.0 <= line.soft <= line.hard <= line.end
    assert all(bar.seconds is None or bar.seconds >= 0 for bar in line.bars)


@pytest.mark.parametrize("huge", [10**400, float("inf"), float("nan"), "30", True])
def test_a_number_that_is_none_reads_as_nothing(huge: object) -> None:
    """JSON knows larger ones than a float can be."""
    assert 0.0 == timeline({"window": {"length_s": huge}}).hard
