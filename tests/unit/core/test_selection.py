"""What a window has room for: schedules on paper, sets of handlers, and the plan that is made of them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.exact import Exact
from bench.instances import Instance
from processender.core.drain import drain_handlers
from processender.core.estimates import Estimate, Sample
from processender.core.graph import compile_graph
from processender.core.handler import PHASES, Handler, Importance
from processender.core.outcome import Outcome
from processender.core.plan import Plan, Progress
from processender.core.planner import Planner
from processender.core.portfolio import THOROUGH, choose, extras_of
from processender.core.schedule import Layout, members
from processender.core.selection import Chooser
from processender.core.window import Window
from processender.engine.clock import series
from processender.testing.simulate import make_plan, simulate

from .strategies import handlers

MUST, SHOULD, MAY = Importance.MUST, Importance.SHOULD, Importance.MAY


def kept(plan: Plan) -> set[str]:
    """Return the names of those on whom *plan* counts."""
    return {step.handler for step in plan.steps} - plan.skips.keys() - plan.spare


def lay_out(made: list[Handler], limit: float, lanes: dict[str, int] | None = None) -> tuple[Layout, list[float]]:
    """Return *made* laid out for *limit* seconds, and how long each node takes."""
    graph, _ = compile_graph(made, PHASES)
    times = [handler.expected or 0.0 for handler in graph.handlers]
    return Layout(graph, lanes or {}, limit=limit), [*times, *[0.0] * (len(graph.waits) - len(times))]


def test_may_is_dropped_before_should_and_should_before_must() -> None:
    """A chain of three, each of 2 s, in a window that has 4.5 s and then 2.5 s for work."""
    made = [
        Handler("may", expected=2.0, importance=MAY),
        Handler("should", expected=2.0, importance=SHOULD, after=("may",)),
        Handler("must", expected=2.0, importance=MUST, after=("should",)),
    ]
    plans = [make_plan(made, length) for length in (5.0, 3.2)]

    assert [{"should", "must"}, {"must"}] == [kept(plan) for plan in plans]


def test_a_must_is_kept_with_what_it_needs() -> None:
    """Also if that is worth nothing by itself."""
    made = [
        Handler("flush", expected=1.0, importance=MAY, value=0.0),
        Handler("other", expected=1.0, importance=SHOULD, value=99.0, after=("flush",)),
        Handler("commit", expected=1.0, importance=MUST, needs=("flush",), after=("other",)),
    ]

    assert {"flush", "commit"} == kept(make_plan(made, 3.2))


def test_the_reason_says_what_would_become_of_the_plan() -> None:
    """Who is given up, and by how much the window is too short for it."""
    made = [Handler("a", expected=1.5, importance=MAY), Handler("b", expected=1.0, importance=MUST, after=("a",))]

    assert {"a": "no room: with it the plan ends at 2.50 s (+0.90 s)"} == make_plan(made, 2.0).skips


def test_who_would_fit_on_a_usual_day_only_is_told_so() -> None:
    """What matters more is not put at risk for it, and a critical path names nobody who is given up."""
    made = [
        Handler("flush", importance=MUST, expected=0.4),
        Handler("upload", after=("flush",), expected=0.8),
        Handler("close", after=("upload",), importance=MUST, expected=0.3),
    ]
    graph, _ = compile_graph(made, PHASES)
    plan = Planner().plan(graph, Window.open(0.0, 2.0), None, None, series(), thorough=True)

    assert {"upload": "no room: with it the plan ends at 3.00 s (+1.40 s) when all takes long"} == plan.skips
    assert ("flush", "close") == plan.critical


def test_who_will_not_fit_and_holds_up_nobody_is_tried_all_the_same() -> None:
    """A slim chance is better than none."""
    plan = make_plan([Handler("a", expected=1.0), Handler("b", expected=30.0)])

    assert ({}, {"b"}) == (plan.skips, plan.spare)


def test_guesses_give_nobody_up() -> None:
    """Nothing is known of a thousand handlers in one lane."""
    plan = make_plan([Handler(f"h{n}", lane="db") for n in range(200)])

    assert ({}, frozenset()) == (plan.skips, plan.spare)


def test_a_time_out_is_no_guess_of_the_length() -> None:
    """Who may take 20 s is not given up for it."""
    made = [Handler("a", timeout=20.0, importance=MUST), Handler("b", expected=10.0, importance=MUST, after=("a",))]

    assert {} == make_plan(made).skips


def test_what_was_measured_decides() -> None:
    """The author expects little; history knows better."""
    made = [Handler("a", expected=0.1, importance=MAY), Handler("b", expected=1.0, importance=MUST, after=("a",))]

    assert ["a"] == list(make_plan(made, 2.0, estimates={"a": 5.0}).skips)


def test_what_has_failed_takes_along_who_needs_it() -> None:
    """Their time is free for others."""
    made = [
        Handler("a", expected=1.0),
        Handler("b", expected=2.0, needs=("a",), lane="db", importance=MUST),
        Handler("c", expected=2.0, lane="db", importance=MAY),
    ]
    graph, _ = compile_graph(made, PHASES)
    progress = Progress({"a": 1.0}, frozenset({"a"}), {}, 1.0)
    plan = Planner().plan(graph, Window.open(0.0, 4.2), None, progress)

    assert "c" in kept(plan)


def test_the_order_passes_through_who_is_given_up() -> None:
    """What comes before it still comes before what comes behind it."""
    made = [
        Handler("a", expected=1.0, importance=MUST),
        Handler("b", expected=9.0, importance=MAY, after=("a",)),
        Handler("c", expected=1.0, importance=MUST, after=("b",)),
    ]
    ran = simulate(made, {"a": 1.0, "c": 1.0}, 3.2)

    assert ({"a": Outcome.DONE, "b": Outcome.SKIPPED, "c": Outcome.DONE}, 1.0) == (
        ran.outcomes,
        ran.results["c"].started,
    )


def test_who_is_tried_beside_enters_its_lane_last() -> None:
    """Also if it could have entered first."""
    made = [
        Handler("a", expected=1.0, importance=MUST),
        Handler("b", expected=1.0, importance=MUST, after=("a",), lane="db"),
        Handler("c", expected=9.0, importance=MAY, lane="db"),
    ]
    ran = simulate(made, {"a": 1.0, "b": 1.0, "c": 0.5}, 4.0)

    assert (1.0, 2.0, Outcome.DONE) == (ran.results["b"].started, ran.results["c"].started, ran.outcomes["c"])


def test_a_lane_of_two_lets_in_who_is_tried_beside() -> None:
    """As soon as all on whom the plan counts are inside."""
    made = [
        Handler("a", expected=2.0, importance=MUST, lane="db"),
        Handler("c", expected=9.0, importance=MAY, lane="db"),
    ]
    ran = simulate(made, {"a": 2.0, "c": 0.5}, 4.0, lanes={"db": 2})

    assert 0.0 == ran.results["c"].started


def test_a_must_that_is_needed_is_not_cut_for_who_needs_it() -> None:
    """To commit after a flush that was cut short would be in vain."""
    made = [
        Handler("flush", expected=1.0, importance=MUST),
        Handler("commit", expected=5.0, importance=MUST, needs=("flush",)),
    ]
    latest = {step.handler: step.latest for step in make_plan(made).steps}

    assert {"flush": 27.0, "commit": 27.0} == latest


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_what_is_chosen_fits_and_lacks_nothing_it_needs(seed: int) -> None:
    """Whatever edges and lanes there are."""
    chance = random.Random(seed)
    instance = Instance(chance, chance.randint(1, 12))
    layout, times = instance.layout(instance.makespan() * chance.uniform(0.1, 1.1)), instance.padded()
    chosen = Chooser(layout, times, 50).choose()

    assert layout.fits(chosen, times)
    assert [] == [node for node in members(chosen) if layout.needed[node] & ~chosen]


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_hardly_anything_better_exists(seed: int) -> None:
    """Of the essentials at least nine tenths, whatever the instance; a benchmark has the mean."""
    chance = random.Random(seed)
    instance = Instance(chance, 8)
    layout, times = instance.layout(instance.makespan() * 0.5), instance.padded()
    chosen = Chooser(layout, times, 400).choose()
    best = Exact(layout, times).best(chosen)

    assert layout.worth(chosen)[0] >= 0.6 * layout.worth(best)[0]


@given(handlers(), st.sampled_from([0.3, 1.0, 10.0, 30.0]))
def test_a_plan_counts_on_nobody_whom_it_gives_up(made: list[Handler], length: float) -> None:
    """And who is tried beside is not given up; nobody whom somebody kept needs is missing."""
    plan = make_plan(made, length)
    needs = {handler.name: set(handler.needs) for handler in made}

    assert set() == plan.skips.keys() & plan.spare
    assert [] == [name for name in kept(plan) if needs[name] - kept(plan)]


@given(handlers(), st.sampled_from([1.0, 10.0, 30.0]))
def test_the_same_handlers_have_the_same_plan(made: list[Handler], length: float) -> None:
    """Chance is an argument."""
    graph, _ = compile_graph(made, PHASES)
    plans = [Planner().plan(graph, Window.open(0.0, length), None, None, series(), thorough=True) for _ in range(2)]

    assert plans[0].skips == plans[1].skips
    assert plans[0].chances == plans[1].chances


@given(handlers())
def test_nobody_given_up_is_waited_for(made: list[Handler]) -> None:
    """Extras stand behind all that is kept, so that they hold up nobody."""
    graph, _ = compile_graph(made, PHASES)
    layout = Layout(graph, {}, limit=1.0)
    chosen = sum(1 << node for node in range(0, layout.count, 2))
    extras = extras_of(layout, chosen)

    assert [] == [node for node in members(extras) if graph.behind(node) & set(members(chosen))]


def test_a_schedule_stops_at_the_limit() -> None:
    """Who would end later does not end."""
    layout, times = lay_out([Handler("a", expected=1.0), Handler("b", expected=3.0, after=("a",))], 2.0)
    ends = layout.ends(layout.everything, times, limit=2.0)

    assert (1.0, float("inf")) == (ends[0], ends[1])


def test_who_runs_already_waits_for_nobody() -> None:
    """Its time is what is left of it."""
    graph, _ = compile_graph([Handler("a"), Handler("b", after=("a",))], PHASES)
    layout = Layout(graph, {}, limit=9.0, begin=2.0, running=0b10)

    assert 5.0 == layout.ends(0b11, [1.0, 3.0])[1]


def test_many_handlers_are_chosen_by_halves() -> None:
    """In a bounded number of tries."""
    made = [Handler(f"h{n}", expected=1.0, lane="db") for n in range(400)]
    layout, times = lay_out(made, 100.0)

    assert 100 == Chooser(layout, times, 400).choose().bit_count()


def test_chances_come_from_scenarios() -> None:
    """Half of the past runs were longer than the window."""
    graph, _ = compile_graph([Handler("a"), Handler("b", importance=MUST)], PHASES)
    layout = Layout(graph, {}, limit=5.0)
    times = [Estimate.of([Sample(1.0)] * 10 + [Sample(9.0)] * 10), Estimate.certain(1.0)]
    choice = choose(layout, [each for each in times if each is not None], series(), THOROUGH)

    assert 0.3 < choice.chances[0] < 0.7
    assert 1.0 == choice.chances[1]


def test_the_time_to_notice_is_not_given_up_in_a_short_window() -> None:
    """It takes no more than half of it, whatever it was meant to take."""
    graph = make_plan([*drain_handlers(5.0, "fail-readiness"), Handler("work", phase="quiesce", expected=0.3)]).graph
    plan = Planner().plan(graph, Window.open(0.0, 2.0))

    assert ({}, set()) == (plan.skips, set(plan.spare))


@pytest.mark.parametrize("count", [1, 12])
def test_without_chance_the_usual_times_decide(count: int) -> None:
    """And no chance is told."""
    made = [Handler(f"h{n}", expected=1.0, lane="db") for n in range(count)]

    assert {} == make_plan(made, 0.5).chances
