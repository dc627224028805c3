"""What changes a run on its way: another window, handlers that come and go, an interrupt that hurries it."""

from __future__ import annotations

import pytest

from processender.core.commands import Cancel, Extend, Start
from processender.core.events import PlanChanged
from processender.core.handler import Handler, Importance
from processender.core.outcome import Outcome
from processender.core.plan import Plan
from processender.core.reports import Adopted, Began, Hurried
from processender.core.retry import Retry
from processender.core.run import Run
from processender.testing.simulate import NEVER, Behaviour, make_plan, simulate

DEAF = Behaviour(NEVER, gives_way=NEVER)
MUST = Importance.MUST
DONE, FAILED, SKIPPED, ABANDONED = Outcome.DONE, Outcome.FAILED, Outcome.SKIPPED, Outcome.ABANDONED


def window(made: list[Handler], length: float) -> Adopted:
    """Return the report that *made* have a window of another length, opened at 0 as before."""
    return Adopted(make_plan(made, length))


# Another window.


def test_a_longer_window_lengthens_what_runs() -> None:
    """It may use the new time, and is told so."""
    made = [Handler("a")]
    ran = simulate(made, {"a": 50.0}, told={5.0: window(made, 120.0)})

    assert (DONE, [0.0, 5.0]) == (ran.outcomes["a"], [at for at, _ in ran.asked(Extend)])


def test_a_longer_window_does_not_lengthen_a_time_out() -> None:
    """The handler's own limit stands."""
    made = [Handler("a", timeout=10.0)]

    assert 10.0 == simulate(made, {"a": DEAF}, told={5.0: window(made, 120.0)}).results["a"].ended


def test_a_shorter_window_shortens_what_runs() -> None:
    """It ends at the new soft deadline."""
    made = [Handler("a")]

    assert 8.0 == simulate(made, {"a": DEAF}, told={5.0: window(made, 10.0)}).results["a"].ended


def test_who_has_used_up_a_shorter_window_is_asked_to_give_way_at_once() -> None:
    """The window ended before it was told."""
    made = [Handler("a")]
    ran = simulate(made, {"a": DEAF}, told={9.0: window(made, 10.0)})

    assert ([(9.0, "a")], 9.0) == (ran.asked(Cancel), ran.results["a"].ended)


def test_who_exceeds_its_new_limit_still_may_give_way() -> None:
    """It is asked first, and abandoned later, as long as there is any time."""
    before = [Handler("a"), Handler("b", after=("a",))]
    after = [Handler("a"), Handler("b", after=("a",), importance=MUST, expected=20.0)]
    ran = simulate(before, {"a": Behaviour(NEVER, gives_way=0.2)}, told={9.0: Adopted(make_plan(after))})

    assert Outcome.TIMED_OUT is ran.outcomes["a"]


def test_a_longer_window_lengthens_the_wait_for_a_lane() -> None:
    """Nobody is skipped for a deadline that has moved."""
    made = [Handler("a", lane="db"), Handler("b", lane="db")]
    ran = simulate(made, {"a": 50.0}, told={5.0: window(made, 120.0)})

    assert (DONE, 50.0) == (ran.outcomes["b"], ran.results["b"].started)


def test_a_shorter_window_shortens_the_wait_for_a_lane() -> None:
    """Who waits is skipped at the new soft deadline."""
    made = [Handler("a", lane="db"), Handler("b", lane="db")]
    ran = simulate(made, {"a": DEAF}, told={5.0: window(made, 10.0)})

    assert (SKIPPED, True) == (ran.outcomes["b"], ran.results["b"].ended <= 8.0)


def test_a_shorter_window_shortens_the_wait_for_the_first_step() -> None:
    """Who has not begun by then never will."""
    made = [Handler("a")]
    ran = simulate(made, {"a": Behaviour(begins=NEVER)}, told={5.0: window(made, 10.0)})

    assert (ABANDONED, 8.0) == (ran.outcomes["a"], ran.results["a"].ended)


def test_a_longer_window_lengthens_the_wait_for_the_first_step() -> None:
    """The loop may come back later now."""
    made = [Handler("a")]

    assert DONE is simulate(made, {"a": Behaviour(begins=50.0)}, told={5.0: window(made, 120.0)}).outcomes["a"]


def test_a_shorter_window_ends_the_pause_of_a_retry() -> None:
    """There is no room for another attempt any more."""
    made = [Handler("a", retry=Retry(attempts=2, initial=20.0, maximum=20.0))]
    ran = simulate(made, {"a": OSError("down")}, told={5.0: window(made, 10.0)})

    assert (FAILED, 5.0, "OSError: down") == (ran.outcomes["a"], ran.results["a"].ended, ran.results["a"].error)


def test_an_attempt_after_a_pause_has_the_time_of_the_new_window() -> None:
    """Not that of the window in which it paused."""
    made = [Handler("a", retry=Retry(attempts=2, initial=10.0, maximum=10.0))]
    ran = simulate(made, {"a": [OSError("down"), 50.0]}, told={1.0: window(made, 120.0)})

    assert DONE is ran.outcomes["a"]


def test_an_attempt_after_a_pause_ends_in_the_shorter_window() -> None:
    """Not in the window in which it paused."""
    made = [Handler("a", retry=Retry(attempts=2, initial=10.0, maximum=10.0))]
    ran = simulate(made, {"a": [OSError("down"), DEAF]}, told={1.0: window(made, 10.0)})

    assert (ABANDONED, 8.0) == (ran.outcomes["a"], ran.results["a"].ended)


def test_giving_way_ends_at_a_shorter_soft_deadline() -> None:
    """Also who is being cancelled is held to it."""
    made = [Handler("a", timeout=5.0)]
    ran = simulate(made, {"a": DEAF}, told={4.6: window(made, 5.875)})

    assert pytest.approx(4.7) == ran.results["a"].ended


def test_another_plan_is_an_event() -> None:
    """The report shows the plan that holds."""
    made = [Handler("a")]
    told = window(made, 60.0)
    ran = simulate(made, {"a": 9.0}, told={5.0: told})

    assert [PlanChanged(5.0, told.plan)] == [event for event in ran.events if isinstance(event, PlanChanged)]


def test_another_plan_repeats_nothing() -> None:
    """What has ended stays ended, what runs is not started again."""
    made = [Handler("a"), Handler("b"), Handler("c", after=("b",))]
    ran = simulate(made, {"b": 9.0}, told={5.0: window(made, 60.0)})

    assert [(0.0, "a"), (0.0, "b"), (9.0, "c")] == ran.asked(Start)


# Handlers that come and go.


def changed(made: list[Handler]) -> Adopted:
    """Return the report that the handlers are now *made*."""
    return Adopted(make_plan(made))


def test_a_handler_that_is_added_runs_in_its_place() -> None:
    """Its phase has not begun."""
    made = [Handler("a", phase="flush")]
    ran = simulate(made, {"a": 9.0}, told={5.0: changed([*made, Handler("b", phase="commit")])})

    assert (9.0, DONE) == (ran.results["b"].started, ran.outcomes["b"])


def test_a_handler_that_is_added_between_two_is_waited_for() -> None:
    """The order is that of the new plan."""
    made = [Handler("a", phase="flush"), Handler("c", phase="release")]
    ran = simulate(made, {"a": 9.0, "b": 2.0}, told={5.0: changed([*made, Handler("b", phase="commit")])})

    assert 11.0 == ran.results["c"].started


def test_a_handler_that_was_removed_does_not_run() -> None:
    """It has no outcome, as if it had never been."""
    made = [Handler("a", phase="flush"), Handler("b", phase="commit")]
    ran = simulate(made, {"a": 9.0}, told={5.0: changed(made[:1])})

    assert {"a": DONE} == ran.outcomes


def test_a_handler_that_was_removed_while_it_runs_runs_out() -> None:
    """It has begun, so it has an outcome."""
    made = [Handler("a", phase="flush"), Handler("b", phase="commit")]
    ran = simulate(made, {"a": 9.0}, told={5.0: changed(made[1:])})

    assert {"b": DONE, "a": DONE} == ran.outcomes


def test_a_handler_that_was_removed_is_not_waited_for() -> None:
    """The order is that of the new plan."""
    made = [Handler("a", phase="flush"), Handler("b", phase="commit")]

    assert 5.0 == simulate(made, {"a": 9.0}, told={5.0: changed(made[1:])}).results["b"].started


def test_a_removed_handler_leaves_the_queue_of_its_lane() -> None:
    """The next one has its turn."""
    made = [Handler("a", lane="db"), Handler("b", lane="db"), Handler("c", lane="db")]
    ran = simulate(made, {"a": 9.0}, told={5.0: changed([made[0], made[2]])})

    assert ({"a": DONE, "c": DONE}, 9.0) == (ran.outcomes, ran.results["c"].started)


def test_a_removed_handler_that_runs_keeps_its_lane() -> None:
    """Until it has ended."""
    made = [Handler("a", lane="db"), Handler("b", lane="db")]
    ran = simulate(made, {"a": 9.0}, told={5.0: changed(made[1:])})

    assert 9.0 == ran.results["b"].started


def test_a_handler_that_waits_may_be_exchanged() -> None:
    """What has not begun is what the new plan says."""
    made = [Handler("a", phase="flush"), Handler("b", phase="commit", timeout=1.0)]
    other = [made[0], made[1].replace(timeout=None)]
    ran = simulate(made, {"a": 9.0, "b": 5.0}, told={5.0: changed(other)})

    assert DONE is ran.outcomes["b"]


def test_who_has_ended_holds_up_nobody_in_another_plan() -> None:
    """Also where the new plan would have had it wait for what has not ended."""
    made = [Handler("a"), Handler("b", after=("a",)), Handler("slow")]
    told = {5.0: changed([*made, Handler("first", priority=1), Handler("c", needs=("b",))])}
    ran = simulate(made, {"slow": 9.0, "first": 1.0}, told=told)

    assert (6.0, DONE) == (ran.results["c"].started, ran.outcomes["c"])


def test_a_place_in_a_lane_is_not_lost_when_the_plan_changes_at_that_instant() -> None:
    """Who was next in the queue still is."""
    made = [Handler("a", lane="db"), Handler("b", lane="db")]

    assert 5.0 == simulate(made, {"a": 5.0}, told={5.0: changed(made)}).results["b"].started


def test_the_queue_of_a_lane_stands_as_the_new_plan_wants() -> None:
    """Who waits for another now is not let in before it."""
    made = [Handler("a", lane="db"), Handler("b", lane="db"), Handler("c", lane="db")]
    other = [made[0], made[1].replace(after=("c",)), made[2]]
    ran = simulate(made, {"a": 9.0, "c": 2.0}, told={5.0: changed(other)})

    assert {"c": 9.0, "b": 11.0} == {name: ran.results[name].started for name in "cb"}


def test_what_a_plan_gives_up_is_skipped_with_its_reason() -> None:
    """The seam for a planner that chooses."""
    plan: Plan = make_plan([Handler("a"), Handler("b")]).replace(skips={"a": "window too short"})
    run = Run(plan, lambda: 0.0)
    run.advance(0.0)

    assert (SKIPPED, "window too short") == (run.results["a"].outcome, run.results["a"].reason)


# Hurry.


def hurried(
    script: dict[str, Behaviour | float | OSError], *made: Handler, at: float = 5.0
) -> dict[str, tuple[Outcome, str]]:
    """Return the outcome and the reason of each handler when the second interrupt comes at the instant *at*."""
    ran = simulate(made, script, told={at: Hurried("hurried by SIGINT")})
    return {name: (result.outcome, result.reason) for name, result in ran.results.items()}


def test_hurry_cancels_what_runs() -> None:
    """Below `must`."""
    assert {"a": (Outcome.TIMED_OUT, "hurried by SIGINT")} == hurried({"a": 20.0}, Handler("a"))


def test_hurry_lets_a_must_run() -> None:
    """It runs to its end."""
    assert {"a": (DONE, "")} == hurried({"a": 20.0}, Handler("a", importance=MUST))


def test_hurry_skips_what_waits() -> None:
    """With the reason."""
    made = [Handler("a", importance=MUST), Handler("b", after=("a",)), Handler("c", after=("b",), importance=MUST)]

    assert {"a": (DONE, ""), "b": (SKIPPED, "hurried by SIGINT"), "c": (DONE, "")} == hurried({"a": 9.0}, *made)


def test_hurry_skips_what_waits_for_a_lane() -> None:
    """With the reason."""
    made = [Handler("a", lane="db", importance=MUST), Handler("b", lane="db")]

    assert (SKIPPED, "hurried by SIGINT") == hurried({"a": 9.0}, *made)["b"]


def test_hurry_gives_up_what_has_not_begun() -> None:
    """It is told not to begin any more."""
    assert {"a": (SKIPPED, "hurried by SIGINT")} == hurried({"a": Behaviour(begins=NEVER)}, Handler("a"))


def test_hurry_ends_a_pause() -> None:
    """What has failed stays failed."""
    retry = Retry(attempts=2, initial=20.0, maximum=20.0)

    assert {"a": (FAILED, "hurried by SIGINT")} == hurried({"a": OSError()}, Handler("a", retry=retry))


def test_hurry_allows_no_other_attempt() -> None:
    """Giving way to it is not a failure that may pass."""
    made = Handler("a", attempt_timeout=20.0, retry=Retry(attempts=5))

    assert {"a": (Outcome.TIMED_OUT, "hurried by SIGINT")} == hurried({"a": NEVER}, made)


def test_hurry_abandons_the_deaf_after_a_moment() -> None:
    """They have half a second."""
    ran = simulate([Handler("a")], {"a": DEAF}, told={5.0: Hurried("hurried by SIGINT")})

    assert 5.5 == ran.results["a"].ended


def test_hurry_holds_for_what_is_added_later() -> None:
    """Below `must` nothing starts any more."""
    made = [Handler("a", importance=MUST)]
    told = {5.0: Hurried("hurried by SIGINT"), 6.0: changed([*made, Handler("b", phase="release")])}
    ran = simulate(made, {"a": 9.0}, told=told)

    assert SKIPPED is ran.outcomes["b"]


def test_hurry_twice_is_hurry_once() -> None:
    """A handler that is being cancelled is not cancelled again."""
    told = {5.0: Hurried("one"), 5.1: Hurried("two")}

    assert [(5.0, "a")] == simulate([Handler("a")], {"a": DEAF}, told=told).asked(Cancel)


# What a run tells of itself.


def test_a_run_knows_which_phases_have_begun() -> None:
    """Nothing may be added to them."""
    run = Run(make_plan([Handler("a", phase="flush"), Handler("b", phase="commit")]), lambda: 0.0)
    run.advance(0.0)

    assert [True, True, False] == [run.begun(phase) for phase in ("drain", "flush", "commit")]


def test_a_run_knows_what_runs() -> None:
    """Handed over is not begun."""
    run = Run(make_plan([Handler("a"), Handler("b")]), lambda: 0.0)
    run.advance(0.0)
    run.advance(0.0, [Began("a", 1, 0.0)])

    assert ["a"] == run.running()
