"""The course of a run as data."""

from __future__ import annotations

import json
import math

import pytest

from processender.core.events import (
    Drained,
    HandlerEnded,
    HandlerStuck,
    Noted,
    PlanChanged,
    RunStarted,
    RunWithdrawn,
    Waiting,
    WorkCut,
)
from processender.core.handler import Handler
from processender.core.notice import Action, Notice
from processender.core.outcome import Outcome, Result
from processender.live.course import Course, Follower, waits_for, with_joined
from processender.testing.simulate import make_plan
from tests.unit.live.runs import HANDLERS, course_at

STARTED = RunStarted(0.0, "run-1", Notice("SIGTERM", "signals", 0.0), make_plan(HANDLERS, 30.0))


def test_there_is_no_course_before_a_run() -> None:
    """Whoever looks before anything has begun sees nothing."""
    assert {} == Course().whole()


def test_each_handler_is_where_its_events_say() -> None:
    """One runs in its third attempt, one is done, one has failed, and the others wait for somebody."""
    rows = course_at(1.0)["handlers"]

    assert {
        "stop-intake": "done", "warn": "failed", "flush-orders": "runs", "audit": "waits", "close-pool": "waits",
    } == {name: row["state"] for name, row in rows.items()}  # fmt: skip
    assert 3 == rows["flush-orders"]["attempt"]
    assert ["flush-orders"] == rows["audit"]["after"]


def test_a_retry_has_its_time_and_its_reason() -> None:
    """Between two attempts it is known when the next one comes, and why."""
    row = course_at(0.31)["handlers"]["flush-orders"]

    assert ("again", "OSError: broker away") == (row["state"], row["why"])
    assert row["again"] > 0.31


def test_what_the_run_waits_for_has_begun_and_has_not_ended() -> None:
    """Neither those that are done nor those that have not begun hold it up now."""
    assert ["flush-orders"] == waits_for(course_at(1.0))
    assert [] == waits_for(course_at(99.0))


def test_an_ended_run_says_how() -> None:
    """The verdict stands where the run does not go on."""
    whole = course_at(99.0)

    assert ("ended", "degraded") == (whole["state"], whole["verdict"])


def test_work_in_flight_is_there_until_nobody_waits_for_it() -> None:
    """It goes with the end of the handler that waits for it."""
    course = Course()
    course.take(STARTED)
    course.take(Waiting(1.0, ("GET /a", "GET /b"), 3))
    before = course.whole()
    course.take(WorkCut(2.0, ("GET /a",), "the time is over", 1))
    course.take(HandlerEnded(2.0, Result("inflight", Outcome.DONE)))
    after = course.whole()

    assert (["GET /a", "GET /b"], 3) == (before["in_flight"], before["more"])
    assert ([], 0) == (after["in_flight"], after["more"])
    assert "cut 2, the time is over" == after["handlers"]["inflight"]["note"]


def test_a_drain_holds_and_is_taken_back() -> None:
    """Where a run is is said in a word, all the way."""
    course = Course()
    states = []
    drain = Notice("drain", "api", 0.0, Action.DRAIN)
    for event in (
        RunStarted(0.0, "run-1", drain, STARTED.plan), Drained(1.0, "run-1"), PlanChanged(2.0, STARTED.plan),
        RunWithdrawn(3.0, "run-1", Notice("resume", "api", 3.0, Action.RESUME)),
    ):  # fmt: skip
        course.take(event)
        states.append(course.whole()["state"])

    assert ["draining", "drained", "ending", "resuming"] == states


def test_another_plan_keeps_what_has_happened() -> None:
    """A moved window and a new handler change nothing of who has ended."""
    course = Course()
    course.take(STARTED)
    course.take(HandlerEnded(0.5, Result("warn", Outcome.FAILED, error="ValueError: bad", started=0.0, ended=0.5)))
    course.take(PlanChanged(1.0, make_plan((*HANDLERS, Handler("late", phase="release")), 10.0)))
    whole = course.whole()

    assert ("failed", "waits") == (whole["handlers"]["warn"]["state"], whole["handlers"]["late"]["state"])
    assert 10.0 == whole["hard"]


def test_another_run_begins_anew() -> None:
    """Nothing of the former one is left."""
    course = Course()
    course.take(STARTED)
    course.take(RunStarted(9.0, "run-2", STARTED.notice, make_plan((Handler("only"),), 5.0)))

    assert ["only"] == list(course.whole()["handlers"])


def test_changes_make_the_same_course_elsewhere() -> None:
    """What a joined application tells piece by piece is, as JSON, what it sees itself."""
    here, there = Course(), Course()
    follower = Follower(lambda change: there.adopt(json.loads(json.dumps(change))))
    for event in (
        STARTED, Waiting(0.5, ("GET /",), 0), Noted(0.6, "warn", "half"), HandlerStuck(0.7, "warn", "its time", "  at x"),
        HandlerEnded(1.0, Result("warn", Outcome.TIMED_OUT, started=0.0, ended=1.0, attempts=1)),
    ):  # fmt: skip
        here.take(event)
        follower.observe(event)

    assert here.whole() == there.whole()


@pytest.mark.parametrize(
    "change",
    [
        None, [], "x", {"handlers": 7}, {"handlers": {"a": 3}}, {"soft": "soon", "run": 5}, {"hard": math.nan, "more": True},
        {"handlers": {"a": {"state": 5, "began": math.inf, "attempt": "x", "after": {}, "why": None}}},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_not_taken(change: object) -> None:
    """An application is not this process: what it says is looked at before it is believed."""
    course = Course()
    course.take(STARTED)
    before = course.whole()
    course.adopt(change)
    after = course.whole()

    assert {**before, "handlers": {}} == {**after, "handlers": {}}
    assert {"state": "waits"} == after["handlers"].get("a", {"state": "waits"})


def test_hostile_names_are_written_out() -> None:
    """A name that would steer a terminal does not, and is not longer than a label."""
    course = Course()
    course.adopt({"run": "r", "handlers": {"a\x1b[2J\n" + "b" * 10_000: {"state": "runs", "why": "\x1b]0;x\x07"}}})
    ((name, row),) = course.whole()["handlers"].items()

    assert name.isprintable()
    assert len(name) <= 200
    assert row["why"].isprintable()


def test_the_handlers_of_joined_services_stand_under_their_names() -> None:
    """A run that is watched shows them among those of the agent, and what they have in flight."""
    whole = with_joined(course_at(1.0), [("shop", {"handlers": {"flush": {"state": "runs"}}, "in_flight": ["a"]})])

    assert {"state": "runs"} == whole["handlers"]["shop/flush"]
    assert ["a"] == whole["in_flight"]
