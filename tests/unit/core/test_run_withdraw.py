"""A run that holds behind the drain, goes on, or is taken back: whatever its handlers do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.core.commands import Cancel, Command, Start
from processender.core.events import HandlerEnded
from processender.core.handler import DRAIN, PHASES, Handler
from processender.core.outcome import Outcome
from processender.core.planner import Planner
from processender.core.reports import Adopted, Began, Hurried, Refused, Released, Report, Returned, Withdrawn
from processender.core.run import Run
from processender.core.window import Window
from processender.core.withdraw import undo_plan
from processender.testing.simulate import Simulation, make_plan, simulate

from .strategies import handlers
from .test_run_properties import behaviours

LATER = 1000.0
"""When whatever a drain does has ended."""


def nothing() -> None:
    """Undo nothing."""


@st.composite
def held(draw: st.DrawFn, last: Report) -> tuple[list[Handler], Simulation]:
    """Return handlers and the run that they had, which was held and then told *last*."""
    made = draw(handlers(most=8))
    script = {handler.name: draw(st.lists(behaviours, min_size=1, max_size=3)) for handler in made}
    at = draw(st.sampled_from([0.0, 0.1, 1.0, 7.7, LATER]))
    reports: list[Report] = [last]
    if isinstance(last, Released):
        reports.append(Adopted(make_plan(made, Window.open(at, draw(st.sampled_from([1.0, 30.0]))))))
    hurry = {0.05: [Hurried("in a hurry")]} if draw(st.booleans()) else {}
    return made, simulate(made, script, told={at: reports, **hurry}, hold=DRAIN)


def rank(handler: Handler) -> int:
    """Return where the phase of *handler* stands."""
    return PHASES.index(handler.phase)


@given(held(Withdrawn("withdrawn")))
def test_what_is_taken_back_never_begins_anything_beyond_the_drain(case: tuple[list[Handler], Simulation]) -> None:
    """That is what makes it possible to take it back."""
    made, ran = case
    started = {command.handler.name for _, command in ran.commands if isinstance(command, Start)}

    assert [] == [each.name for each in made if each.name in started and rank(each) > 0]


@given(held(Withdrawn("withdrawn")))
def test_every_handler_of_a_run_that_is_taken_back_ends_once(case: tuple[list[Handler], Simulation]) -> None:
    """Most of them as skipped."""
    made, ran = case
    ended = [event.result.handler for event in ran.events if isinstance(event, HandlerEnded)]

    assert sorted(each.name for each in made) == sorted(ended)


@given(held(Released()))
def test_every_handler_of_a_run_that_goes_on_ends_once(case: tuple[list[Handler], Simulation]) -> None:
    """What the drain has done is not done a second time."""
    made, ran = case
    ended = [event.result.handler for event in ran.events if isinstance(event, HandlerEnded)]

    assert sorted(each.name for each in made) == sorted(ended)


@given(held(Released()))
def test_nothing_beyond_the_drain_starts_before_the_run_goes_on(case: tuple[list[Handler], Simulation]) -> None:
    """However long that takes."""
    made, ran = case
    opened = ran.run.plan.window.opened
    beyond = {each.name for each in made if rank(each) > 0}
    early = [name for at, name in ran.asked(Start) if name in beyond and at < opened]

    assert [] == early


def test_a_run_holds_behind_the_drain() -> None:
    """It waits, and is not finished."""
    run = Run(make_plan([Handler("a", phase="drain"), Handler("b", phase="quiesce")]), lambda: 0.0, DRAIN)
    run.advance(0.0)
    before = run.waits
    run.advance(1.0, [Began("a", 1, 0.5), Returned("a", 1, 1.0)])

    assert (False, True, False, True) == (before, run.waits, run.finished, run.withdrawable)


def test_a_drain_of_nothing_waits_too() -> None:
    """A run that holds has not ended, although there is nothing to do."""
    run = Run(make_plan([]), lambda: 0.0, DRAIN)
    run.advance(0.0)

    assert (True, False) == (run.waits, run.finished)


def test_a_run_that_has_gone_beyond_the_drain_cannot_be_taken_back() -> None:
    """What ends for good has begun."""
    run = Run(make_plan([Handler("a", phase="drain"), Handler("b", phase="quiesce")]), lambda: 0.0)
    run.advance(0.0)
    before = run.withdrawable
    run.advance(1.0, [Began("a", 1, 0.5), Returned("a", 1, 1.0)])

    assert (True, False) == (before, run.withdrawable)


def test_what_runs_gives_way_and_is_not_called_stuck() -> None:
    """Nothing is wrong with it."""
    ran = simulate(
        [Handler("wait", phase="drain"), Handler("end", phase="quiesce")],
        {"wait": 20.0},
        told={1.0: [Withdrawn("withdrawn: resume")]},
        hold=DRAIN,
    )
    quiet = [command.quiet for _, command in ran.commands if type(command).__name__ == "Cancel"]

    assert ({"wait": Outcome.TIMED_OUT, "end": Outcome.SKIPPED}, [True]) == (ran.outcomes, quiet)


def test_what_has_run_is_undone_in_reverse() -> None:
    """One after the other; what has nothing to undo it is left alone."""
    made = [
        Handler("first", phase="drain", resume=nothing),
        Handler("plain", phase="drain", after=("first",)),
        Handler("last", phase="drain", after=("plain",), resume=nothing),
        Handler("never", phase="quiesce", resume=nothing),
    ]
    ran = simulate(made, dict.fromkeys(("first", "plain", "last"), 0.1), told={5.0: [Withdrawn("w")]}, hold=DRAIN)
    plan = undo_plan(ran.run.plan, ran.results, Planner(), Window.open(5.0, 30.0))
    assert plan is not None

    undone = simulate(list(plan.graph.handlers), window=30.0)

    assert ["resume last", "resume first"] == list(undone.results)


def test_what_failed_is_undone_too() -> None:
    """Half of it may be done."""
    made = [Handler("half", phase="drain", resume=nothing)]
    ran = simulate(made, {"half": OSError("broken")}, told={5.0: [Withdrawn("w")]}, hold=DRAIN)
    plan = undo_plan(ran.run.plan, ran.results, Planner(), Window.open(5.0, 30.0))

    assert plan is not None
    assert ["resume half"] == [each.name for each in plan.graph.handlers]


def test_where_nothing_has_run_nothing_is_undone() -> None:
    """There is no plan for it."""
    ran = simulate([Handler("a", resume=nothing)], told={5.0: [Withdrawn("w")]}, hold=DRAIN)

    assert undo_plan(ran.run.plan, ran.results, Planner(), Window.open(5.0, 30.0)) is None


def handed_over(told: Report) -> tuple[Run, list[Command]]:
    """Return a run that was told so while a handler was handed over and had not begun, and what it asks for then."""
    run = Run(make_plan([Handler("a", phase="drain", resume=nothing)]), lambda: 0.0, DRAIN)
    run.advance(0.0)
    commands, _ = run.advance(0.1, [told])
    return run, commands


LAST_WORDS: list[Report] = [Withdrawn("taken back"), Hurried("taken back")]


@pytest.mark.parametrize("told", LAST_WORDS)
def test_what_was_handed_over_is_called_back(told: Report) -> None:
    """Whether it has begun is not known here, so it has not ended yet."""
    run, commands = handed_over(told)

    assert ([Cancel("a", 1, "taken back", stuck=False)], {}) == (commands, run.results)


@pytest.mark.parametrize("told", LAST_WORDS)
def test_what_could_be_called_back_is_skipped(told: Report) -> None:
    """It has never begun."""
    run, _ = handed_over(told)
    run.advance(0.2, [Refused("a", 1, 0.1, "taken back")])

    assert (Outcome.SKIPPED, None) == (run.results["a"].outcome, run.results["a"].started)


@pytest.mark.parametrize("told", LAST_WORDS)
def test_what_had_been_taken_when_it_was_called_back_gives_way(told: Report) -> None:
    """The word that it has begun was on its way."""
    run, _ = handed_over(told)
    commands, _ = run.advance(0.2, [Began("a", 1, 0.1)])
    asked = [each for each in commands if isinstance(each, Cancel)]

    assert ([("a", True)], {}) == ([(each.handler, each.stuck) for each in asked], run.results)


def test_what_had_been_taken_when_it_was_called_back_is_undone() -> None:
    """It may have left traffic."""
    run, _ = handed_over(Withdrawn("taken back"))
    run.advance(0.2, [Began("a", 1, 0.1), Returned("a", 1, 0.2)])
    plan = undo_plan(run.plan, run.results, Planner(), Window.open(2.0, 30.0))

    assert plan is not None
    assert (True, ["resume a"]) == (run.finished, [each.name for each in plan.graph.handlers])


def test_the_late_word_of_another_run_changes_nothing() -> None:
    """It may be of the same attempt of the same handler."""
    run = Run(make_plan([Handler("a", phase="drain")]), lambda: 0.0, name="second")
    run.advance(0.0)
    run.advance(1.0, [Began("a", 1, 0.5, "first"), Returned("a", 1, 1.0, "first")])
    before = dict(run.results)
    run.advance(2.0, [Began("a", 1, 1.5, "second"), Returned("a", 1, 2.0, "second")])

    assert ({}, 1.5) == (before, run.results["a"].started)
