"""When a command is started again, with any number of ends at any times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processender.core.restarts import AGAIN, ALWAYS, GIVE_UP, NEVER, ON_FAILURE, Past, Restarts, wanted
from processender.core.retry import Retry

LIVES = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=40)
RULES = st.builds(
    Restarts,
    backoff=st.builds(lambda i, more, f: Retry(initial=i, maximum=i + more, factor=f),
                      st.floats(0.0, 10.0), st.floats(0.0, 50.0), st.floats(1.0, 10.0)),
    after=st.integers(0, 8),
    within=st.floats(0.1, 200.0),
)  # fmt: skip


def test_never_wants_no_restart() -> None:
    """Whatever has happened."""
    assert [False, False] == [wanted(NEVER, failed=failed) for failed in (False, True)]


def test_on_failure_wants_one_after_a_failure_alone() -> None:
    """A clean end is an end."""
    assert [False, True] == [wanted(ON_FAILURE, failed=failed) for failed in (False, True)]


def test_always_wants_one_after_every_end() -> None:
    """Also after a clean one."""
    assert [True, True] == [wanted(ALWAYS, failed=failed) for failed in (False, True)]


def ends(rules: Restarts, lives: list[float], chance: float) -> list[tuple[float, str, float]]:
    """Return when each life has ended, what followed and after which pause, up to a giving up."""
    now, past, told = 0.0, Past(), []
    for life in lives:
        now += life
        following = rules.after_end(past, now, life, lambda: chance)
        told.append((now, following.what, following.pause))
        if following.what == GIVE_UP:
            break
        now, past = now + following.pause, following.past
    return told


@given(RULES, LIVES, st.floats(0.0, 1.0, exclude_max=True))
def test_a_pause_is_never_longer_than_the_longest(rules: Restarts, lives: list[float], chance: float) -> None:
    """However often it has ended."""
    assert all(0.0 <= pause <= rules.backoff.maximum for _, _, pause in ends(rules, lives, chance))


@given(RULES, LIVES, st.floats(0.0, 1.0, exclude_max=True))
def test_it_is_given_up_exactly_when_too_many_ends_came_in_the_time(
    rules: Restarts, lives: list[float], chance: float
) -> None:
    """Neither earlier nor later."""
    told = ends(rules, lives, chance)
    times = [at for at, _, _ in told]
    for number, (at, what, _) in enumerate(told):
        recent = [each for each in times[: number + 1] if at - each < rules.within or each == at]

        assert (what == GIVE_UP) == (0 < rules.after <= len(recent))


def test_no_number_of_ends_is_too_many_for_zero() -> None:
    """Then it is started again for ever."""
    assert {AGAIN} == {what for _, what, _ in ends(Restarts(after=0), [0.0] * 200, 0.5)}


def test_the_longest_pause_grows_with_each_end_in_a_row() -> None:
    """By the factor, up to the maximum."""
    rules = Restarts(Retry(initial=1.0, maximum=5.0, factor=2.0), after=0)

    assert [1.0, 2.0, 4.0, 5.0] == [pause for _, _, pause in ends(rules, [0.0] * 4, 1.0)]


def test_a_long_life_begins_anew_with_the_shortest_pause() -> None:
    """It has shown that it can live."""
    rules = Restarts(Retry(initial=1.0, maximum=50.0, factor=2.0), after=0, within=10.0)

    assert [1.0, 2.0, 1.0] == [pause for _, _, pause in ends(rules, [0.0, 0.0, 10.0], 1.0)]
