"""How a window is divided among handlers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.core.handler import Handler, Importance
from processender.core.plan import Plan
from processender.core.window import Window
from processender.testing.simulate import make_plan

from .strategies import handlers, named_order

MUST, MAY = Importance.MUST, Importance.MAY


def starts(plan: Plan) -> dict[str, float]:
    """Return when each handler is expected to start."""
    return {step.handler: step.start for step in plan.steps}


def latest(plan: Plan) -> dict[str, float]:
    """Return when each handler must have ended."""
    return {step.handler: step.latest for step in plan.steps}


def expected(handler: Handler, estimates: dict[str, float] | None = None) -> float:
    """Return how long the plan of a 100 s window expects *handler* to take."""
    step = make_plan([handler], 100.0, estimates=estimates).steps[0]
    return step.finish - step.start


def test_an_empty_plan_takes_no_time() -> None:
    """And has no critical path."""
    plan = make_plan([])

    assert (0.0, (), True) == (plan.makespan, plan.critical, plan.fits)


def test_what_was_measured_goes_before_what_was_declared() -> None:
    """History knows better than the author."""
    assert 7.0 == expected(Handler("a", expected=2.0), {"a": 7.0})


def test_what_was_declared_goes_before_the_time_out() -> None:
    """A time-out is a limit, not a guess."""
    assert 2.0 == expected(Handler("a", expected=2.0, timeout=9.0))


def test_a_must_of_unknown_length_keeps_its_time_out_or_a_second() -> None:
    """A time-out is all that its author said; but of a long one no more is kept than two fifths of the window."""
    assert 9.0 == expected(Handler("a", importance=MUST, timeout=9.0))
    assert 1.0 == expected(Handler("a", importance=MUST))
    assert 0.3 == expected(Handler("a", importance=MUST, timeout=0.3))


def test_a_must_with_a_long_time_out_leaves_those_before_it_their_time() -> None:
    """In a window of 10 s, 10 s of a time-out that resources have by default are no reason to skip all else."""
    first, _ = make_plan([Handler("a"), Handler("b", after=("a",), importance=MUST, timeout=10.0)], 10.0).steps

    assert 4.8 == first.latest


def test_any_other_counts_with_a_guess() -> None:
    """Half a second in a long window."""
    assert 0.5 == expected(Handler("a", timeout=9.0))


def test_a_guess_is_small_in_a_small_window() -> None:
    """A fiftieth of the time for work."""
    (step,) = make_plan([Handler("a")], 1.0).steps

    assert pytest.approx(0.016) == step.finish


@pytest.mark.parametrize(
    ("handler", "guessed"),
    [(Handler("a"), True), (Handler("a", timeout=3.0), True), (Handler("a", expected=1.0), False)],
)
def test_a_guess_is_marked(handler: Handler, guessed: bool) -> None:
    """The reader of a plan must know which numbers are made up."""
    assert guessed is make_plan([handler]).steps[0].guessed


def test_a_chain_adds_up() -> None:
    """Each starts when the one before has ended."""
    made = [Handler("a", expected=1), Handler("b", expected=2, after=("a",)), Handler("c", expected=3, after=("b",))]

    assert {"a": 0.0, "b": 1.0, "c": 3.0} == starts(make_plan(made))


def test_independent_branches_overlap() -> None:
    """The longest one counts."""
    made = [Handler("a", expected=1), Handler("b", expected=5), Handler("c", expected=1, after=("a",))]

    assert 5.0 == make_plan(made).makespan


def test_the_critical_path_decides_how_long_it_takes() -> None:
    """It goes through barriers as through edges."""
    made = [
        Handler("quick", phase="flush", expected=1),
        Handler("slow", phase="flush", expected=4),
        Handler("commit", phase="commit", expected=1),
        Handler("other", phase="drain", expected=2),
    ]

    assert ("other", "slow", "commit") == make_plan(made).critical


def test_a_lane_runs_one_after_the_other() -> None:
    """A lane without a declared capacity holds one."""
    made = [Handler(name, expected=2, lane="db") for name in "abc"]

    assert [0.0, 2.0, 4.0] == sorted(starts(make_plan(made)).values())


def test_a_lane_of_two_runs_two_at_once() -> None:
    """The capacity is that of the declaration."""
    made = [Handler(name, expected=2, lane="db") for name in "abc"]

    assert [0.0, 0.0, 2.0] == sorted(starts(make_plan(made, lanes={"db": 2})).values())


def test_waiting_for_a_lane_is_on_the_critical_path() -> None:
    """Who holds the lane is to blame."""
    made = [Handler("a", expected=2, lane="db"), Handler("b", expected=2, lane="db")]

    assert ("a", "b") == make_plan(made).critical


def test_the_last_one_may_run_up_to_the_soft_deadline() -> None:
    """In 30 s there are 27 s for work."""
    assert {"a": 27.0} == latest(make_plan([Handler("a", expected=1)]))


def test_the_time_of_a_must_behind_is_kept_free() -> None:
    """The latest finish leaves the expected time of the `must` chain."""
    made = [
        Handler("a", expected=1),
        Handler("b", expected=4, after=("a",), importance=MUST),
        Handler("c", expected=2, after=("b",), importance=MUST),
    ]

    assert {"a": 21.0, "b": 25.0, "c": 27.0} == latest(make_plan(made))


def test_no_time_is_kept_free_for_less_than_a_must() -> None:
    """A `should` behind does not cut what is before it."""
    made = [Handler("a", expected=1), Handler("b", expected=4, after=("a",))]

    assert 27.0 == latest(make_plan(made))["a"]


def test_a_must_behind_a_phase_keeps_its_time() -> None:
    """The chain goes through barriers."""
    made = [Handler("a", phase="drain", expected=1), Handler("b", phase="release", expected=5, importance=MUST)]

    assert 22.0 == latest(make_plan(made))["a"]


def test_musts_that_run_together_count_once() -> None:
    """The longest one behind is what must be kept free."""
    made = [Handler("a"), *(Handler(n, expected=5, after=("a",), importance=MUST) for n in "bcd")]

    assert 22.0 == latest(make_plan(made))["a"]


def test_in_a_short_window_each_must_gets_its_share() -> None:
    """Twenty seconds of `must` in 8 s: each has 40 %."""
    made = [
        Handler("a", expected=10, importance=MUST),
        Handler("b", expected=10, importance=MUST, after=("a",)),
    ]

    assert {"a": 4.0, "b": 8.0} == latest(make_plan(made, 10.0))


def test_what_will_not_fit_is_named() -> None:
    """With by how much, and in words."""
    (misfit,) = make_plan([Handler("a", expected=1), Handler("b", expected=30)]).misfits

    assert ("b", 3.0, "'b' is expected to end 30.00 s after the notice; there are 27.00 s") == (
        misfit.handler,
        misfit.over,
        misfit.reason,
    )


def test_what_just_fits_is_no_misfit() -> None:
    """To the soft deadline and not beyond."""
    assert make_plan([Handler("a", expected=27)]).fits


def test_what_has_ended_takes_no_more_time() -> None:
    """The rest begins where the run stands."""
    made = [Handler("a", expected=5), Handler("b", expected=2, after=("a",))]

    assert 11.0 == make_plan(made, progress={"a": 9.0}).makespan


def test_a_plan_can_be_moved_to_another_opening() -> None:
    """The window moves as a whole; what is relative to it stays."""
    plan = make_plan([Handler("a", expected=1)], 30.0).opened(100.0)

    assert (Window.open(100.0, 30.0), 127.0) == (plan.window, plan.latest(0))


def test_the_steps_can_be_read_in_order() -> None:
    """As they are expected to start; those that start together in the order of the graph."""
    made = [Handler("c", phase="release"), Handler("a", phase="drain"), Handler("b", phase="flush")]

    assert ["a", "b", "c"] == [step.handler for step in make_plan(made).in_order()]


@given(handlers(), st.sampled_from([1.0, 10.0, 30.0, 120.0]))
def test_nobody_is_expected_before_whom_it_waits_for(made: list[Handler], length: float) -> None:
    """Whatever lanes and priorities there are."""
    steps = {step.handler: step for step in make_plan(made, length).steps}

    assert [] == [(a, b) for a, b in named_order(made) if steps[a].finish > steps[b].start + 1e-9]


@given(handlers(), st.sampled_from([0.0, 1.0, 10.0, 30.0]))
def test_the_latest_finish_lies_inside_the_window(made: list[Handler], length: float) -> None:
    """Never negative, never behind the soft deadline."""
    plan = make_plan(made, length)

    assert [] == [step for step in plan.steps if not 0.0 <= step.latest <= plan.window.work]


@given(handlers())
def test_the_critical_path_is_a_chain(made: list[Handler]) -> None:
    """Each of it starts when the one before ends, up to the end of all."""
    plan = make_plan(made)
    steps = {step.handler: step for step in plan.steps}
    chain = [steps[name] for name in plan.critical]

    assert plan.makespan == chain[-1].finish
    assert [] == [b.handler for a, b in zip(chain, chain[1:], strict=False) if pytest.approx(a.finish) != b.start]


@given(handlers())
def test_a_lane_is_never_overfull_in_a_plan(made: list[Handler]) -> None:
    """Of those in one lane each starts when the one before has ended."""
    plan = make_plan(made)
    for lane in ("db", "disk"):
        inside = sorted(
            (s.start, s.finish) for s, h in zip(plan.steps, plan.graph.handlers, strict=True) if h.lane == lane
        )
        overlaps = [(a, b) for a, b in zip(inside, inside[1:], strict=False) if b[0] < a[1] - 1e-9]

        assert [] == overlaps
