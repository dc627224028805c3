"""When a check is believed, and when a file was touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processender.core.care import Pulse, Threshold, when_changed

ANSWERS = st.lists(st.booleans(), max_size=60)


def believed(threshold: Threshold, answers: list[bool]) -> list[bool | None]:
    """Return what is believed after each answer."""
    pulse, told = Pulse(), []
    for good in answers:
        pulse = threshold.after(pulse, good=good)
        told.append(pulse.good)
    return told


def test_nothing_is_believed_before_it_was_said_often_enough() -> None:
    """Neither good nor bad."""
    assert [None, None, False] == believed(Threshold(failures=3), [False, False, False])


def test_one_answer_of_the_other_kind_begins_the_count_anew() -> None:
    """Only what is said in a row counts."""
    assert [True] * 6 == believed(Threshold(failures=3), [True, False, False, True, False, False])


def test_what_is_believed_stays_until_the_other_is_said_often_enough() -> None:
    """A check that failed must succeed as often as is asked for."""
    told = believed(Threshold(failures=1, successes=2), [False, True, False, True, True])

    assert [False, False, False, False, True] == told


@given(st.integers(1, 5), st.integers(1, 5), ANSWERS)
def test_belief_follows_the_last_run_that_was_long_enough(failures: int, successes: int, answers: list[bool]) -> None:
    """As a slow count over all answers finds it."""
    expected: bool | None = None
    for number in range(len(answers)):
        for good, least in ((True, successes), (False, failures)):
            last = answers[: number + 1][-least:]
            if len(last) == least and set(last) == {good}:
                expected = good

    assert [expected][: len(answers)] == believed(Threshold(failures, successes), answers)[-1:]


@given(st.floats(-1e6, 1e6), st.floats(0.0, 1e5), st.floats(0.0, 1e5))
def test_a_change_lies_between_two_looks(age: float, looked: float, span: float) -> None:
    """Whatever the wall clock has been set to meanwhile."""
    assert looked <= when_changed(age, looked, looked + span) <= looked + span


def test_a_change_is_as_old_as_it_says() -> None:
    """Where the clocks go together."""
    assert 8.0 == when_changed(2.0, 5.0, 10.0)
