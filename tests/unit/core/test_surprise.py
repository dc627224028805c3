"""When a run is planned anew, and who gives way before its time."""

from __future__ import annotations

import pytest

from bench.disturbances import carry
from processender.core.estimates import Estimate, Sample
from processender.core.events import AttemptStarted, HandlerEnded, Sized
from processender.core.graph import compile_graph
from processender.core.handler import PHASES, Handler, Importance
from processender.core.outcome import Outcome, Result
from processender.core.plan import Plan, Progress
from processender.core.planner import Planner
from processender.core.reports import Adopted, Began, Late, Measured, Report
from processender.core.run import Run
from processender.core.surprise import Surprises, in_the_way
from processender.core.window import Window
from processender.engine.clock import series

MUST, MAY = Importance.MUST, Importance.MAY


def history(*seconds: float) -> Estimate:
    """Return what runs teach that took so long."""
    found = Estimate.of([Sample(each) for each in seconds])
    assert found is not None
    return found


USUAL = history(0.8, 0.9, 0.95, 1.0, 1.0, 1.05, 1.1, 1.2)


class Scene:
    """Handlers of which something is known, in a window, with what each takes this time."""

    def __init__(self, made: list[Handler], work: float, known: dict[str, Estimate] | None = None) -> None:
        """Plan them."""
        self.graph, _ = compile_graph(made, PHASES)
        self.window = Window(0.0, work, work * 1.2, work * 0.1, work * 0.05)
        self.known = {handler.name: USUAL for handler in made} if known is None else known
        self.planner = Planner()
        self.plan = self.planner.plan(self.graph, self.window, self.known, None, series())
        self.plans = 0

    def anew(self, progress: Progress, before: Plan) -> Plan:
        """Return another plan."""
        self.plans += 1
        return self.planner.plan(self.graph, self.window, self.known, progress, series(), before=before)

    def run(self, **takes: float) -> dict[str, Result]:
        """Carry it through."""
        return carry(Run(self.plan, lambda: 0.5), takes, (), Surprises(series()), self.anew)

    def outcomes(self, **takes: float) -> dict[str, Outcome]:
        """Return the outcome of each."""
        return {name: result.outcome for name, result in self.run(**takes).items()}


DONE, TIMED_OUT, SKIPPED = Outcome.DONE, Outcome.TIMED_OUT, Outcome.SKIPPED


def test_who_hangs_in_the_way_of_more_gives_way() -> None:
    """Selected work of higher value waits for it, and can still end."""
    scene = Scene([Handler("a"), Handler("b", after=("a",), importance=MUST)], 10.0)

    assert {"a": TIMED_OUT, "b": DONE} == scene.outcomes(a=1e6, b=1.0)


def test_who_is_only_late_goes_on() -> None:
    """There is time for both, so nobody is cut."""
    scene = Scene([Handler("a"), Handler("b", after=("a",), importance=MUST)], 30.0)

    assert {"a": DONE, "b": DONE} == scene.outcomes(a=5.0, b=5.0)


def test_who_is_worth_more_than_what_waits_is_never_cut() -> None:
    """A `must` that hangs keeps the window, whatever `may` waits for it."""
    scene = Scene([Handler("a", importance=MUST), Handler("b", after=("a",), importance=MAY)], 4.0)
    results = scene.run(a=3.0, b=1.0)

    assert Outcome.DONE is results["a"].outcome


def test_who_hangs_and_holds_up_nobody_keeps_its_time() -> None:
    """Its lane is its own, and nobody waits."""
    scene = Scene([Handler("a"), Handler("b", importance=MUST)], 10.0)
    results = scene.run(a=1e6, b=1.0)

    assert (TIMED_OUT, True) == (results["a"].outcome, results["a"].ended > 8.0)


def test_a_lane_is_in_the_way_as_an_edge_is() -> None:
    """Who holds the lane of a `must` and hangs gives way."""
    made = [Handler("a", lane="db", priority=1), Handler("b", lane="db", importance=MUST)]
    scene = Scene(made, 10.0)

    assert {"a": TIMED_OUT, "b": DONE} == scene.outcomes(a=1e6, b=1.0)


def test_who_needs_the_late_one_does_not_count() -> None:
    """Without it, they could not run either."""
    made = [Handler("a"), Handler("b", needs=("a",), importance=MUST)]
    graph, _ = compile_graph(made, PHASES)
    window = Window.open(0.0, 10.0)
    plan = Planner().plan(graph, window, {"a": USUAL, "b": USUAL}, None, series())
    progress = Progress({}, frozenset(), {"a": 0.0}, 6.0)

    assert [] == in_the_way(plan, progress, ["a"], series())


def test_time_that_was_gained_lets_in_who_was_given_up() -> None:
    """The first takes a tenth of its time; then there is room for the third."""
    known = {"a": history(*[4.0] * 8), "b": history(*[2.0] * 8), "c": history(*[1.0] * 8)}
    made = [
        Handler("a", importance=MUST),
        Handler("b", importance=MAY, after=("a",)),
        Handler("c", importance=MUST, after=("b",)),
    ]
    scene = Scene(made, 6.0, known)

    assert ["b"] == list(scene.plan.skips)
    assert {"a": DONE, "b": DONE, "c": DONE} == scene.outcomes(a=0.4, b=2.0, c=1.0)


def test_time_that_was_lost_gives_up_who_was_kept() -> None:
    """The first takes far longer, so the `may` in the middle makes room."""
    known = {"a": history(*[1.0] * 8), "b": history(*[2.0] * 8), "c": history(*[1.0] * 8)}
    made = [
        Handler("a", importance=MUST),
        Handler("b", importance=MAY, after=("a",)),
        Handler("c", importance=MUST, after=("b",)),
    ]
    scene = Scene(made, 5.0, known)

    assert {} == scene.plan.skips
    assert {"a": DONE, "b": SKIPPED, "c": DONE} == scene.outcomes(a=2.8, b=2.0, c=1.0)


def test_a_handler_whose_time_grew_tenfold_does_not_take_all_with_it() -> None:
    """What matters more than it still ends."""
    made = [Handler(name, lane="db", importance=MAY) for name in "ab"]
    scene = Scene([*made, Handler("c", lane="db", importance=MUST)], 8.0)

    assert DONE is scene.outcomes(a=10.0, b=10.0, c=1.0)["c"]


def test_a_run_as_foretold_is_never_planned_anew() -> None:
    """Between the quarter and the three quarters nothing is a surprise."""
    scene = Scene([Handler("a"), Handler("b", after=("a",))], 30.0)
    scene.run(a=1.0, b=1.0)

    assert 0 == scene.plans


@pytest.mark.parametrize("seconds", [0.1, 5.0])
def test_an_early_end_is_no_surprise_where_nobody_was_given_up(seconds: float) -> None:
    """There is nothing to win; a late one is planned anew."""
    scene = Scene([Handler("a"), Handler("b", after=("a",))], 30.0)
    scene.run(a=seconds, b=1.0)

    assert (scene.plans > 0) is (seconds > 1.2)


def test_a_failure_is_a_surprise() -> None:
    """Who needed it makes room."""
    scene = Scene([Handler("a"), Handler("b", after=("a",))], 30.0)
    run, surprises = Run(scene.plan, lambda: 0.5), Surprises(series())
    failed = HandlerEnded(1.0, Result("a", Outcome.FAILED, "", 0.0, 1.0, 1, "OSError"))
    surprises.follow(1.0, run, [failed], scene.anew)

    assert 1 == scene.plans


def test_the_next_look_comes_when_nineteen_of_twenty_have_ended() -> None:
    """And then again when it has taken half as long again."""
    scene = Scene([Handler("a"), Handler("b", after=("a",))], 30.0)
    run, surprises = Run(scene.plan, lambda: 0.5), Surprises(series())
    run.advance(0.0)
    _, events = run.advance(0.0, [Began("a", 1, 0.0)])
    surprises.follow(0.0, run, events, scene.anew)
    first = surprises.wake_at
    surprises.follow(1.2, run, [], scene.anew)

    assert (1.2, pytest.approx(1.8)) == (first, surprises.wake_at)


def test_of_whom_nothing_is_known_nothing_is_a_surprise() -> None:
    """A guess is no promise."""
    scene = Scene([Handler("a")], 30.0, {})
    surprises = Surprises(series())
    surprises.follow(0.0, Run(scene.plan, lambda: 0.5), [AttemptStarted(0.0, "a", 1, 9.0)], scene.anew)

    assert surprises.wake_at is None


def test_who_says_how_much_it_has_to_do_is_looked_at_later() -> None:
    """The plan that knows the size is adopted."""
    scene = Scene([Handler("a"), Handler("b", after=("a",))], 60.0)
    run, surprises = Run(scene.plan, lambda: 0.5), Surprises(series())
    run.advance(0.0)
    _, events = run.advance(0.0, [Began("a", 1, 0.0)])
    surprises.follow(0.0, run, events, scene.anew)
    run.advance(0.1, [Measured("a", 1, 0.1, 900.0, "another run")])
    _, events = run.advance(0.1, [Measured("a", 1, 0.1, 300.0)])
    scene.known["a"] = history(*[20.0] * 8)
    told = surprises.follow(0.1, run, events, scene.anew)

    assert [Sized(0.1, "a", 300.0)] == events
    assert ([Adopted], 20.0) == ([type(each) for each in told], surprises.wake_at)
    assert {"a": 300.0} == run.progress(0.1).sizes


def test_the_late_one_is_asked_with_the_reason() -> None:
    """Who is in the way of whom."""
    scene = Scene([Handler("a"), Handler("b", after=("a",), importance=MUST)], 10.0)
    run = Run(scene.plan, lambda: 0.5)
    run.advance(0.0)
    run.advance(0.0, [Began("a", 1, 0.0)])
    report: Report = Late("a", "late, and in the way of b")
    commands, _ = run.advance(5.0, [report])

    assert ["late, and in the way of b"] == [getattr(each, "reason", "") for each in commands]
