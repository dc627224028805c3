"""How long a handler and its attempts may take, and what becomes of those who take longer."""

from __future__ import annotations

import pytest

from processender.core.commands import Cancel, Extend, Redirect, Start
from processender.core.events import AttemptFailed, AttemptStarted
from processender.core.handler import Handler, Importance
from processender.core.outcome import Outcome, describe
from processender.core.plan import Plan
from processender.core.reports import Began, Raised, Refused, Returned
from processender.core.retry import Retry
from processender.core.run import Run
from processender.errors import Transient
from processender.testing.simulate import NEVER, Behaviour, make_plan, simulate

DEAF = Behaviour(NEVER, gives_way=NEVER)
MUST = Importance.MUST


def noop() -> None:
    """Do nothing."""


# One time-out.


def test_a_clock_starts_when_the_handler_starts() -> None:
    """Not at the notice, and not when it was handed over."""
    ran = simulate([Handler("a"), Handler("b", after=("a",), timeout=2.0)], {"a": 9.0, "b": Behaviour(1.9, begins=0.5)})

    # It gives way in the last tenth of its time only.
    assert (9.5, Outcome.TIMED_OUT) == (ran.results["b"].started, ran.outcomes["b"])


def test_who_stays_below_its_time_out_is_done() -> None:
    """Up to the moment at which it is asked to give way."""
    assert Outcome.DONE is simulate([Handler("a", timeout=2.0)], {"a": 1.79}).outcomes["a"]


@pytest.mark.parametrize(("timeout", "asked"), [(2.0, 1.8), (5.0, 4.5), (20.0, 19.5), (0.1, 0.09)])
def test_the_time_to_give_way_is_part_of_the_time_out(timeout: float, asked: float) -> None:
    """Half a second, at most a tenth."""
    ran = simulate([Handler("a", timeout=timeout)], {"a": DEAF})

    assert [(pytest.approx(asked), "a")] == ran.asked(Cancel)


def test_who_gives_way_has_timed_out() -> None:
    """It ends when it gives way."""
    result = simulate([Handler("a", timeout=2.0)], {"a": Behaviour(NEVER, gives_way=0.1)}).results["a"]

    assert (Outcome.TIMED_OUT, 1.9, "its 2.00 s are up") == (result.outcome, pytest.approx(result.ended), result.reason)


@pytest.mark.parametrize(("takes", "outcome"), [(1.8, Outcome.TIMED_OUT), (1.7, Outcome.FAILED)])
def test_who_sees_itself_that_its_time_is_up_has_timed_out(takes: float, outcome: Outcome) -> None:
    """It may come before whoever asks it to give way; a time-out of something else, before that, is a failure."""
    result = simulate([Handler("a", timeout=2.0)], {"a": Behaviour(takes, TimeoutError("no answer"))}).results["a"]

    assert outcome is result.outcome


def test_who_does_not_give_way_is_abandoned_at_its_time_out() -> None:
    """Not a moment later."""
    result = simulate([Handler("a", timeout=2.0)], {"a": DEAF}).results["a"]

    assert (Outcome.ABANDONED, 2.0, "its 2.00 s are up and it does not give way") == (
        result.outcome,
        result.ended,
        result.reason,
    )


def test_who_returns_while_it_is_asked_to_give_way_is_done() -> None:
    """What was reached counts."""
    assert Outcome.DONE is simulate([Handler("a", timeout=2.0)], {"a": Behaviour(1.9, gives_way=NEVER)}).outcomes["a"]


def test_the_others_go_on_while_one_is_stuck() -> None:
    """A branch of its own does not notice."""
    made = [Handler("stuck", timeout=20.0), Handler("a"), Handler("b", after=("a",))]
    ran = simulate(made, {"stuck": DEAF, "a": 1.0, "b": 1.0})

    assert 2.0 == ran.results["b"].ended


def test_a_cancel_says_where_it_stands_first() -> None:
    """A stuck handler is reported with its stack before it is cancelled."""
    ran = simulate([Handler("a", timeout=2.0)], {"a": DEAF})

    assert [True] == [command.stuck for _, command in ran.commands if isinstance(command, Cancel)]


# The window.


def test_without_a_time_out_the_soft_deadline_counts() -> None:
    """Of 30 s handlers have 27."""
    assert 27.0 == simulate([Handler("a")], {"a": DEAF}).results["a"].ended


def test_a_time_out_beyond_the_window_is_cut() -> None:
    """The window is the limit of all."""
    assert 27.0 == simulate([Handler("a", timeout=600.0)], {"a": DEAF}).results["a"].ended


def test_a_window_of_one_second() -> None:
    """Handlers have 0.8 s."""
    assert pytest.approx(0.8) == simulate([Handler("a")], {"a": DEAF}, 1.0).results["a"].ended


def test_the_time_of_a_must_behind_is_kept_free() -> None:
    """The handler before it ends so early that it can run in full."""
    made = [Handler("a"), Handler("b", after=("a",), importance=MUST, expected=7.0)]
    ran = simulate(made, {"a": DEAF, "b": 6.0})

    assert (20.0, Outcome.DONE) == (ran.results["a"].ended, ran.outcomes["b"])


def test_who_has_no_time_left_is_skipped() -> None:
    """It is not started to be cancelled at once."""
    made = [Handler("a"), Handler("b", after=("a",))]

    assert "no time left" == simulate(made, {"a": DEAF}).results["b"].reason


def test_a_must_that_is_late_takes_its_share_of_what_is_left() -> None:
    """Rather than nothing: 2 s are left for two of equal length."""
    made = [
        Handler("late", expected=1.0, timeout=25.0),
        Handler("b", after=("late",), importance=MUST, expected=13.0),
        Handler("c", after=("b",), importance=MUST, expected=13.0),
    ]
    ran = simulate(made, {"late": DEAF, "b": DEAF, "c": 0.5})

    assert Outcome.DONE is ran.outcomes["c"]


def test_an_empty_window_skips_everything() -> None:
    """There is no time left, and the run finishes."""
    ran = simulate([Handler("a", importance=MUST), Handler("b")], {}, 0.0)

    assert {"a": Outcome.SKIPPED, "b": Outcome.SKIPPED} == ran.outcomes


# Attempts.


def test_a_transient_failure_is_repeated() -> None:
    """The second attempt is done."""
    result = simulate([Handler("a", retry=Retry(attempts=3))], {"a": [OSError("down"), 1.0]}).results["a"]

    assert (Outcome.DONE, 2, "") == (result.outcome, result.attempts, result.error)


def test_a_permanent_failure_is_not_repeated() -> None:
    """A bug is not cured by another attempt."""
    result = simulate([Handler("a", retry=Retry(attempts=3))], {"a": [TypeError("bug"), 1.0]}).results["a"]

    assert (Outcome.FAILED, 1, "TypeError: bug") == (result.outcome, result.attempts, result.error)


def test_the_last_failure_is_the_one_that_is_told() -> None:
    """With the number of attempts."""
    script = {"a": [OSError("one"), OSError("two"), OSError("three")]}
    result = simulate([Handler("a", retry=Retry(attempts=3))], script).results["a"]

    assert (Outcome.FAILED, 3, "OSError: three") == (result.outcome, result.attempts, result.error)


def test_pauses_grow_and_are_drawn() -> None:
    """Half of 0.1, 0.2, 0.4 s."""
    ran = simulate([Handler("a", retry=Retry(attempts=4))], {"a": OSError()})

    assert pytest.approx([0.05, 0.1, 0.2]) == ran.pauses("a")


def test_an_attempt_that_failed_says_when_the_next_starts() -> None:
    """And it starts then."""
    ran = simulate([Handler("a", retry=Retry(attempts=2))], {"a": [Behaviour(1.0, OSError("x")), 0.0]})
    (failed,) = [event for event in ran.events if isinstance(event, AttemptFailed)]

    assert (failed.again_at, "OSError: x") == (ran.attempts("a")[1], failed.error)


def test_retry_after_is_waited_for() -> None:
    """The other side knows."""
    ran = simulate([Handler("a", retry=Retry(attempts=2))], {"a": [Transient("busy", retry_after=4.0), 0.0]})

    assert [0.0, 4.0] == ran.attempts("a")


def test_no_attempt_starts_when_the_time_left_cannot_hold_it() -> None:
    """The first one took 2 s, so another one needs as much; a time-out of 5 s holds two."""
    made = [Handler("a", timeout=5.0, retry=Retry(attempts=9))]

    assert 2 == simulate(made, {"a": Behaviour(2.0, OSError())}).results["a"].attempts


def test_the_expected_time_counts_before_the_measured_one() -> None:
    """An attempt that failed at once says nothing about how long a good one takes."""
    made = [Handler("a", timeout=5.0, expected=4.99, retry=Retry(attempts=9))]

    assert 1 == simulate(made, {"a": Behaviour(0.1, OSError())}).results["a"].attempts


def test_the_time_out_spans_all_attempts() -> None:
    """It begins at the first and ends the last."""
    made = [Handler("a", timeout=3.0, retry=Retry(attempts=2))]

    assert 3.0 == simulate(made, {"a": [Behaviour(1.0, OSError()), DEAF]}).results["a"].ended


def test_an_attempt_that_takes_too_long_is_repeated() -> None:
    """Its own time-out is a failure that may pass."""
    made = [Handler("a", attempt_timeout=1.0, retry=Retry(attempts=2))]
    result = simulate(made, {"a": [NEVER, 0.5]}).results["a"]

    assert (Outcome.DONE, 2) == (result.outcome, result.attempts)


def test_the_last_attempt_that_takes_too_long_has_timed_out() -> None:
    """The error says how long it had."""
    made = [Handler("a", attempt_timeout=1.0, retry=Retry(attempts=2))]
    result = simulate(made, {"a": NEVER}).results["a"]

    assert (Outcome.TIMED_OUT, "TimeoutError: the attempt took longer than 1.0 s") == (result.outcome, result.error)


def test_an_attempt_that_does_not_give_way_is_not_repeated() -> None:
    """It may still be at work; a second one beside it would do harm."""
    made = [Handler("a", attempt_timeout=1.0, retry=Retry(attempts=2))]
    result = simulate(made, {"a": DEAF}).results["a"]

    assert (Outcome.ABANDONED, 1.0, 1) == (result.outcome, result.ended, result.attempts)


def test_who_is_cancelled_at_the_end_of_all_its_time_is_not_repeated() -> None:
    """There is no time left."""
    made = [Handler("a", timeout=2.0, retry=Retry(attempts=5))]

    assert 1 == simulate(made, {"a": NEVER}).results["a"].attempts


def test_every_attempt_has_its_number() -> None:
    """The first is 1."""
    ran = simulate([Handler("a", retry=Retry(attempts=3))], {"a": OSError()})

    assert [1, 2, 3] == [event.attempt for event in ran.events if isinstance(event, AttemptStarted)]


# Who does not begin.


def test_who_does_not_begin_is_tried_another_way() -> None:
    """After a second, at most a tenth of the window."""
    ran = simulate([Handler("a")], {"a": Behaviour(begins=NEVER)})

    assert [(1.0, "a")] == ran.asked(Redirect)


def test_a_fallback_steps_in() -> None:
    """And its end is that of the handler."""
    ran = simulate([Handler("a", fallback=noop)], {"a": Behaviour(2.0, begins=NEVER)})

    assert (Outcome.DONE, 3.0) == (ran.outcomes["a"], ran.now)


def test_who_never_begins_is_abandoned_when_its_time_is_up() -> None:
    """The reason says what may be wrong."""
    result = simulate([Handler("a")], {"a": Behaviour(begins=NEVER)}).results["a"]

    assert (Outcome.ABANDONED, 27.0, "never began (loop blocked, or no worker free)") == (
        result.outcome,
        result.ended,
        result.reason,
    )


def test_who_begins_late_runs_all_the_same() -> None:
    """The loop has come back."""
    assert Outcome.DONE is simulate([Handler("a")], {"a": Behaviour(1.0, begins=5.0)}).outcomes["a"]


def test_who_cannot_be_started_is_skipped_with_the_reason() -> None:
    """`loop closed` is one."""
    result = simulate([Handler("a")], {"a": Behaviour(refused="loop closed")}).results["a"]

    assert (Outcome.SKIPPED, "loop closed") == (result.outcome, result.reason)


# What comes late.


def one(**options: object) -> Plan:
    """Return a plan of one handler."""
    return make_plan([Handler("a", **options)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "late",
    [
        Returned("a", 1, 28.0),
        Raised("a", 1, 28.0, OSError()),
        Began("a", 1, 28.0),
        Refused("a", 1, 28.0, "late"),
        Returned("nobody", 1, 28.0),
    ],
    ids=lambda report: type(report).__name__,
)
def test_a_late_report_changes_nothing(late: Returned | Raised | Began | Refused) -> None:
    """The outcome of an abandoned handler stands."""
    ran = simulate([Handler("a")], {"a": DEAF})
    before = dict(ran.results)

    assert (([], []), before) == (ran.run.advance(28.0, [late]), ran.results)


def test_a_word_of_an_earlier_attempt_changes_nothing() -> None:
    """The present attempt goes on."""
    run = Run(one(retry=Retry(attempts=2)), lambda: 0.0)
    run.advance(0.0)
    run.advance(0.0, [Began("a", 1, 0.0), Raised("a", 1, 0.0, OSError())])
    run.advance(0.0, [Began("a", 2, 0.0)])
    run.advance(1.0, [Returned("a", 1, 1.0)])

    assert not run.finished


def test_the_engine_is_told_when_the_time_will_be_up() -> None:
    """The handler's context shows the time that it really has."""
    ran = simulate([Handler("a", timeout=2.0)], {"a": 1.0})
    (extended,) = [command for _, command in ran.commands if isinstance(command, Extend)]

    assert pytest.approx(1.8) == extended.until


def test_advance_without_news_does_nothing() -> None:
    """It may be called as often as one likes."""
    run = Run(one(), lambda: 0.0)
    run.advance(0.0)

    assert ([], []) == run.advance(0.5)


def test_a_run_that_waits_only_for_reports_still_wakes() -> None:
    """Every handler has a time limit."""
    run = Run(one(), lambda: 0.0)
    run.advance(0.0)
    run.advance(0.0, [Began("a", 1, 0.0)])

    assert 26.5 == run.wake_at


def test_what_waits_for_nothing_is_started_at_once() -> None:
    """One call gives every command."""
    run = Run(make_plan([Handler("a"), Handler("b"), Handler("c", after=("a",))]), lambda: 0.0)
    commands, _ = run.advance(0.0)

    assert ["a", "b"] == [command.handler.name for command in commands if isinstance(command, Start)]


def test_a_late_wake_up_still_lets_a_handler_give_way() -> None:
    """The engine was held up past the time-out: the handler is asked first, and abandoned later."""
    run = Run(one(timeout=2.0), lambda: 0.0)
    run.advance(0.0)
    run.advance(0.0, [Began("a", 1, 0.0)])
    run.advance(5.0)

    assert {} == run.results


# Errors in words.


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("bad"), "ValueError: bad"), (KeyboardInterrupt(), "KeyboardInterrupt"), (OSError(""), "OSError")],
)
def test_an_error_in_words(error: BaseException, text: str) -> None:
    """Its type and its text."""
    assert text == describe(error)


def test_a_long_error_is_cut() -> None:
    """At 500 characters."""
    assert (500, "...") == ((text := describe(ValueError("x" * 9999))) and len(text), text[-3:])


def test_who_costs_nothing_is_not_skipped_for_a_must_that_does_not_fit() -> None:
    """It takes nothing from it."""
    ran = simulate([Handler("free", expected=0.0), Handler("long", after=("free",), importance=MUST, expected=600.0)],
                   {"free": 0.0, "long": 1.0})  # fmt: skip

    assert {"free": Outcome.DONE, "long": Outcome.DONE} == ran.outcomes


def test_who_was_to_cost_nothing_and_does_not_end_has_a_moment_only() -> None:
    """The `must` behind it waits a second at most."""
    ran = simulate([Handler("free", expected=0.0), Handler("long", after=("free",), importance=MUST, expected=600.0)],
                   {"free": DEAF, "long": 1.0})  # fmt: skip

    assert (Outcome.ABANDONED, pytest.approx(1.0)) == (ran.outcomes["free"], ran.results["long"].started)
