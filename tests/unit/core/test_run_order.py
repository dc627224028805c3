"""What a run starts, in which order, and what it skips."""

from __future__ import annotations

import pytest

from processender.core.commands import Start
from processender.core.events import HandlerEnded
from processender.core.handler import PHASES, Handler, Importance
from processender.core.outcome import Outcome
from processender.core.retry import Retry
from processender.testing.simulate import NEVER, Behaviour, Simulation, simulate

BAD = ValueError("bad")
DONE, FAILED, SKIPPED = Outcome.DONE, Outcome.FAILED, Outcome.SKIPPED


def started(ran: Simulation) -> dict[str, float | None]:
    """Return when each handler began."""
    return {name: result.started for name, result in ran.results.items()}


def test_an_empty_run_has_finished() -> None:
    """There is nothing to wait for."""
    ran = simulate([])

    assert (0.0, {}) == (ran.now, ran.outcomes)


def test_independent_branches_run_in_parallel() -> None:
    """All start at once, and the longest counts."""
    ran = simulate([Handler(name) for name in "abc"], {"a": 1.0, "b": 4.0, "c": 2.0})

    assert ({"a": 0.0, "c": 0.0, "b": 0.0}, 4.0) == (started(ran), ran.now)


def test_a_slow_branch_does_not_hold_up_another() -> None:
    """Order is by name, not by waves."""
    made = [Handler("slow"), Handler("quick"), Handler("behind-quick", after=("quick",))]
    ran = simulate(made, {"slow": 9.0, "quick": 1.0})

    assert 1.0 == ran.results["behind-quick"].started


@pytest.mark.parametrize("how", ["after", "needs"])
def test_a_handler_starts_when_all_it_waits_for_have_ended(how: str) -> None:
    """The last of them counts."""
    ran = simulate([Handler("a"), Handler("b"), Handler("c", **{how: ("a", "b")})], {"a": 1.0, "b": 3.0})  # type: ignore[arg-type]

    assert 3.0 == ran.results["c"].started


def test_before_is_after_seen_from_the_other_side() -> None:
    """Who is named waits."""
    ran = simulate([Handler("b"), Handler("a", before=("b",))], {"a": 2.0})

    assert 2.0 == ran.results["b"].started


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (BAD, FAILED),
        (NEVER, Outcome.TIMED_OUT),
        (Behaviour(NEVER, gives_way=NEVER), Outcome.ABANDONED),
        (Behaviour(begins=NEVER), Outcome.ABANDONED),
        (Behaviour(refused="loop closed"), SKIPPED),
    ],
    ids=["failed", "timed out", "deaf", "never began", "refused"],
)
def test_after_orders_whatever_the_outcome(behaviour: float | ValueError | Behaviour, outcome: Outcome) -> None:
    """What stands behind runs all the same."""
    ran = simulate(
        [Handler("a", timeout=2.0), Handler("b", after=("a",), importance=Importance.MUST, expected=1.0)],
        {"a": behaviour},
    )

    assert {"a": outcome, "b": DONE} == ran.outcomes


@pytest.mark.parametrize(
    "behaviour",
    [BAD, NEVER, Behaviour(NEVER, gives_way=NEVER), Behaviour(begins=NEVER), Behaviour(refused="loop closed")],
    ids=["failed", "timed out", "deaf", "never began", "refused"],
)
def test_offsets_are_never_committed_after_a_failed_flush(behaviour: float | ValueError | Behaviour) -> None:
    """`needs` demands `done`; else the handler is skipped, and the reason names whom it needed."""
    ran = simulate([Handler("flush", timeout=2.0), Handler("commit", needs=("flush",))], {"flush": behaviour})

    assert (SKIPPED, "needs flush") == (ran.results["commit"].outcome, ran.results["commit"].reason)


def test_a_skip_goes_on_along_needs() -> None:
    """Each names the one it needed itself."""
    made = [Handler("a"), Handler("b", needs=("a",)), Handler("c", needs=("b",))]
    ran = simulate(made, {"a": BAD})

    assert ["", "needs a", "needs b"] == [ran.results[name].reason for name in "abc"]


def test_a_need_that_is_done_starts_what_needs_it() -> None:
    """Nothing is skipped."""
    assert DONE is simulate([Handler("a"), Handler("b", needs=("a",))]).outcomes["b"]


def test_order_passes_through_a_skipped_handler() -> None:
    """What waits for a skipped one still waits for what that one waited for."""
    made = [
        Handler("bad"),
        Handler("slow"),
        Handler("skipped", needs=("bad",), after=("slow",)),
        Handler("last", after=("skipped",)),
    ]
    ran = simulate(made, {"bad": BAD, "slow": 5.0})

    assert (SKIPPED, 5.0) == (ran.outcomes["skipped"], ran.results["last"].started)


def test_a_skipped_handler_never_began() -> None:
    """It has no start, no attempt, and a time of its end."""
    result = simulate([Handler("a"), Handler("b", needs=("a",))], {"a": Behaviour(2.0, BAD)}).results["b"]

    assert (None, 0, 2.0) == (result.started, result.attempts, result.ended)


def test_nothing_is_started_for_a_skipped_handler() -> None:
    """The engine never hears of it."""
    ran = simulate([Handler("a"), Handler("b", needs=("a",))], {"a": BAD})

    assert [(0.0, "a")] == ran.asked(Start)


def test_phases_follow_each_other() -> None:
    """Each begins when the one before has ended."""
    ran = simulate([Handler(phase, phase=phase) for phase in PHASES], dict.fromkeys(PHASES, 1.0))

    assert [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] == [ran.results[phase].started for phase in PHASES]


def test_a_phase_waits_for_its_slowest() -> None:
    """A barrier is passed when all before it have ended."""
    made = [Handler("a", phase="flush"), Handler("b", phase="flush"), Handler("c", phase="commit")]

    assert 4.0 == simulate(made, {"a": 1.0, "b": 4.0}).results["c"].started


def test_a_phase_goes_on_whatever_became_of_the_one_before() -> None:
    """Phases order, and demand nothing."""
    made = [Handler("a", phase="flush"), Handler("c", phase="commit")]

    assert DONE is simulate(made, {"a": BAD}).outcomes["c"]


def test_higher_priority_ends_before_lower_priority_starts() -> None:
    """Inside a phase."""
    made = [Handler("low"), Handler("high", priority=1)]

    assert 3.0 == simulate(made, {"high": 3.0}).results["low"].started


def test_higher_priority_ends_retries_included() -> None:
    """The second attempt, and the pause before it, come before the lower one starts."""
    retry = Retry(attempts=2, initial=2.0)
    ran = simulate([Handler("low"), Handler("high", priority=1, retry=retry)], {"high": [OSError(), 3.0]})

    assert 4.0 == ran.results["low"].started


def test_equal_priorities_run_in_parallel() -> None:
    """They start together."""
    ran = simulate([Handler("a", priority=1), Handler("b", priority=1)], {"a": 3.0, "b": 2.0})

    assert {"b": 0.0, "a": 0.0} == started(ran)


def test_a_dependency_runs_with_the_priority_of_what_waits_for_it() -> None:
    """Else the high one would wait for the low one's turn for ever."""
    made = [Handler("dependency"), Handler("zero"), Handler("high", priority=1, needs=("dependency",))]
    ran = simulate(made, {"dependency": 1.0, "high": 1.0})

    assert {"dependency": 0.0, "high": 1.0, "zero": 2.0} == started(ran)


def test_what_has_become_ready_starts_with_the_longest_must_chain_first() -> None:
    """The engine takes them in this order."""
    made = [
        Handler("short"),
        Handler("long"),
        Handler("tail", after=("long",), importance=Importance.MUST, expected=5.0),
    ]

    assert [(0.0, "long"), (0.0, "short")] == simulate(made).asked(Start)[:2]


def test_every_handler_ends_once() -> None:
    """One event for each."""
    ran = simulate([Handler("a"), Handler("b", after=("a",)), Handler("c", needs=("b",))], {"b": BAD})

    assert ["a", "b", "c"] == [event.result.handler for event in ran.events if isinstance(event, HandlerEnded)]


# Lanes.


def test_a_lane_without_a_declared_capacity_holds_one() -> None:
    """The others wait for their turn."""
    ran = simulate([Handler(name, lane="db") for name in "abc"], {"a": 2.0, "b": 2.0, "c": 2.0})

    assert [0.0, 2.0, 4.0] == [ran.results[name].started for name in "abc"]


def test_a_lane_of_two_holds_two() -> None:
    """Its capacity is declared."""
    ran = simulate([Handler(name, lane="db") for name in "abc"], {"a": 2.0, "b": 3.0}, lanes={"db": 2})

    assert [0.0, 0.0, 2.0] == [ran.results[name].started for name in "abc"]


def test_lanes_are_independent() -> None:
    """Who is in another lane, or in none, does not wait."""
    ran = simulate([Handler("a", lane="db"), Handler("b", lane="disk"), Handler("c")], {"a": 5.0})

    assert {"b": 0.0, "c": 0.0, "a": 0.0} == started(ran)


def test_the_longest_must_chain_is_first_in_the_queue_of_a_lane() -> None:
    """Registration decides only between equals."""
    made = [
        Handler("first", lane="db", expected=1.0),
        Handler("short", lane="db"),
        Handler("long", lane="db"),
        Handler("tail-a", after=("first",), importance=Importance.MUST, expected=9.0),
        Handler("tail-b", after=("long",), importance=Importance.MUST, expected=5.0),
    ]
    ran = simulate(made, {"first": 1.0, "short": 1.0, "long": 1.0})

    assert [(0.0, "first"), (1.0, "long"), (2.0, "short")] == [
        each for each in ran.asked(Start) if not each[1].startswith("tail")
    ]


def test_a_lane_is_held_during_the_pause_of_a_retry() -> None:
    """Nobody slips in between two attempts."""
    made = [Handler("a", lane="db", retry=Retry(attempts=2, initial=2.0)), Handler("b", lane="db")]
    ran = simulate(made, {"a": [OSError(), 1.0]})

    assert 2.0 == ran.results["b"].started


@pytest.mark.parametrize(
    "behaviour",
    [BAD, NEVER, Behaviour(NEVER, gives_way=NEVER), Behaviour(refused="loop closed")],
    ids=["failed", "timed out", "deaf", "refused"],
)
def test_a_lane_is_free_again_whatever_the_outcome(behaviour: float | ValueError | Behaviour) -> None:
    """The next in the queue has its turn."""
    made = [Handler("a", lane="db", timeout=2.0), Handler("b", lane="db")]

    assert DONE is simulate(made, {"a": behaviour}, 300.0).outcomes["b"]


def test_who_finds_no_room_in_its_lane_in_time_is_skipped() -> None:
    """The reason names the lane."""
    made = [Handler("a", lane="db"), Handler("b", lane="db")]
    ran = simulate(made, {"a": Behaviour(NEVER, gives_way=NEVER)})

    assert "no time left (lane db busy)" == ran.results["b"].reason


def test_waiting_for_a_lane_is_not_running() -> None:
    """The clock of a handler starts when it starts."""
    made = [Handler("a", lane="db"), Handler("b", lane="db", timeout=2.0)]
    ran = simulate(made, {"a": 5.0, "b": 1.0})

    assert (5.0, DONE) == (ran.results["b"].started, ran.outcomes["b"])
