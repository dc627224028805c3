"""What of a platform's words is news: each lie of an endpoint is a row."""

from __future__ import annotations

from typing import Any

import pytest

from processender.core.notice import Action, DeadlineKind, Notice
from processender.core.sighting import GONE, MOST, STALE_S, Sighting, Sightings
from processender.core.spans import LONGEST_S

WALL = 1_800_000_000.0
"""The platform's time at the first look."""
NOW = 1000.0
"""The monotonic time at the first look."""


def shown(deadline: float | None = None, **more: Any) -> Sighting:
    """Return what a platform shows that ends the process in *deadline* seconds after the first look."""
    return Sighting(
        **{"key": "spot", "cause": "spot", "deadline": None if deadline is None else WALL + deadline, **more}
    )


def look(sightings: Sightings, *seen: Sighting, after: float = 0.0, step: float = 0.0) -> list[Notice]:
    """Return what is told after a look; the wall clock has been stepped meanwhile."""
    return sightings.compare(seen, NOW + after, WALL + after + step)


def told(*seen: Sighting) -> list[tuple[str, float | None]]:
    """Return the actions and the seconds left that a first look tells."""
    return [(str(n.action), None if n.deadline is None else n.deadline - NOW) for n in look(Sightings("test"), *seen)]


ROWS = [
    ("two minutes", shown(120), ("stop", 120.0)),
    ("no time at all", shown(), ("stop", None)),
    ("just over: the grace counts", shown(-5), ("stop", None)),
    ("now", shown(0), ("stop", None)),
    ("in two hours: when it is time", shown(7200), ("stop_by", 7200.0)),
    ("in two weeks: only told", shown(LONGEST_S * 2), ("advise", None)),
    ("maintenance tomorrow", shown(86400, action=Action.STOP_BY), ("stop_by", 86400.0)),
    ("maintenance that is over", shown(-5, action=Action.STOP_BY), ("stop", None)),
    ("a drain with a time", shown(600, action=Action.DRAIN), ("drain", 600.0)),
    ("an advice that is over", shown(-5, action=Action.ADVISE), ("advise", None)),
    ("by rule", shown(within=30.0), ("stop", 30.0)),
]


@pytest.mark.parametrize(("seen", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_a_first_look_tells(seen: Sighting, expected: tuple[str, float | None]) -> None:
    """The deadline is on the monotonic clock, and believed as far as it can be."""
    assert [expected] == told(seen)


def test_an_end_that_was_to_come_long_ago_is_none() -> None:
    """The endpoint still shows what did not happen; that is a trouble, and no stop."""
    sightings = Sightings("test")

    assert [] == look(sightings, shown(-STALE_S - 1))
    assert ["spot was to happen 121 s ago, and did not"] == sightings.stale


def test_the_same_is_told_once() -> None:
    """However often it is shown."""
    sightings = Sightings("test")

    assert [1, 0, 0] == [len(look(sightings, shown(120), after=after)) for after in (0, 2, 4)]
    assert [] == sightings.stale


def test_a_sliding_deadline_is_told_once() -> None:
    """Some doubles show two minutes from now at each look; the earliest holds."""
    sightings = Sightings("test")

    assert [1, 0, 0] == [len(look(sightings, shown(120 + after), after=after)) for after in (0, 2, 4)]


def test_an_earlier_deadline_is_told_again() -> None:
    """The platform has changed its mind."""
    sightings = Sightings("test")
    look(sightings, shown(120))
    (again,) = look(sightings, shown(60), after=2)

    assert ("spot", NOW + 60) == (again.key, again.deadline)


def test_a_later_deadline_is_told_where_it_can_be_put_off() -> None:
    """As with planned maintenance."""
    sightings = Sightings("test")
    look(sightings, shown(120, moves=True))
    (again,) = look(sightings, shown(600, moves=True), after=2)

    assert NOW + 600 == again.deadline


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_step_of_the_wall_clock_moves_nothing(step: float) -> None:
    """What was heard is on the monotonic clock, and it is the platform's writing that is compared."""
    sightings = Sightings("test")
    look(sightings, shown(120))

    assert [] == look(sightings, shown(120), after=2, step=step)
    assert [] == sightings.stale


def test_what_was_far_is_told_when_it_comes_near() -> None:
    """A week ahead it is only told; then it gets its time."""
    sightings = Sightings("test")
    far = shown(LONGEST_S + 60, action=Action.STOP_BY)
    first, near = look(sightings, far), look(sightings, far, after=120)

    assert [(Action.ADVISE, None)] == [(n.action, n.deadline) for n in first]
    assert [(Action.STOP_BY, NOW + LONGEST_S + 60)] == [(n.action, n.deadline) for n in near]


def test_what_has_begun_is_told_as_a_stop_by_the_time_that_was_told() -> None:
    """The platform no longer says when; the earlier word is the latest that can be hoped for."""
    sightings = Sightings("test")
    look(sightings, shown(900, action=Action.STOP_BY))
    (again,) = look(sightings, shown(), after=10)

    assert (Action.STOP, NOW + 900, DeadlineKind.ASSUMED) == (again.action, again.deadline, again.kind)


def test_less_is_never_asked_for() -> None:
    """A stop that becomes a drain is a stop."""
    sightings = Sightings("test")
    look(sightings, shown(120))

    assert [] == look(sightings, shown(120, action=Action.DRAIN), after=2)


def test_what_is_called_off_is_taken_back_after_two_looks() -> None:
    """One look may have been unlucky."""
    sightings = Sightings("test")
    look(sightings, shown(120, can_cancel=True))
    later = [look(sightings, after=2.0 * n) for n in range(1, GONE + 2)]

    assert [0] * (GONE - 1) + [1, 0] == [len(each) for each in later]
    (back,) = later[GONE - 1]
    assert (Action.RESUME, "spot", "spot called off") == (back.action, back.key, back.cause)


def test_what_comes_back_in_between_is_not_called_off() -> None:
    """The endpoint flaps."""
    sightings = Sightings("test")
    seen = shown(120, can_cancel=True)

    assert [1, 0, 0, 0, 0] == [
        len(look(sightings, *each, after=n)) for n, each in enumerate([[seen], [], [seen], [], [seen]])
    ]


def test_what_was_called_off_may_be_told_again() -> None:
    """It is new then."""
    sightings = Sightings("test")
    seen = shown(120, can_cancel=True)
    for each in ([seen], [], []):
        look(sightings, *each)

    assert [Action.STOP] == [n.action for n in look(sightings, seen)]


def test_what_cannot_be_called_off_stays_told() -> None:
    """A spot instance that is shown no longer ends all the same."""
    sightings = Sightings("test")
    look(sightings, shown(120))

    assert [[], [], [], []] == [look(sightings, *each) for each in ([], [], [], [shown(120)])]


def test_an_advice_that_is_called_off_is_only_told() -> None:
    """There is nothing to come back from."""
    sightings = Sightings("test")
    look(sightings, shown(action=Action.ADVISE, can_cancel=True))
    look(sightings)

    assert [Action.ADVISE] == [n.action for n in look(sightings)]


def test_things_are_told_apart_by_their_keys() -> None:
    """Two events of one source are two notices."""
    sightings = Sightings("azure")
    notices = look(sightings, shown(60, key="a"), shown(90, key="b"))

    assert [("a", "azure", 60.0), ("b", "azure", 90.0)] == [(n.key, n.origin, (n.deadline or 0) - NOW) for n in notices]


def test_a_flood_is_bounded() -> None:
    """An endpoint that shows ten thousand events is lying."""
    sightings = Sightings("test")
    flood = [shown(60, key=str(n)) for n in range(10_000)]

    assert MOST == len(look(sightings, *flood))
    assert [] == look(sightings, *flood[::-1])


BATTERY = shown(key="battery", cause="battery low", can_cancel=True)


def test_a_battery_that_flaps_between_two_looks_is_one_end() -> None:
    """A hundred times low and not low: it was never gone for long enough to be taken back."""
    sightings = Sightings("ups")
    heard = [each for n in range(100) for each in look(sightings, *([BATTERY] if n % GONE == 0 else []), after=n)]

    assert [Action.STOP] == [each.action for each in heard]


def test_a_battery_that_flaps_slowly_is_told_and_taken_back_in_turn() -> None:
    """Each time by its own name, so that nothing else is taken back with it."""
    sightings = Sightings("ups")
    seen = [BATTERY, *[None] * GONE] * 20
    heard = [each for n, one in enumerate(seen) for each in look(sightings, *([one] if one else []), after=n)]

    assert [Action.STOP, Action.RESUME] * 20 == [each.action for each in heard]
    assert {"battery"} == {each.key for each in heard}


def test_a_look_that_failed_in_between_does_not_count_as_gone() -> None:
    """What was not understood as a whole calls nothing off, however often it comes."""
    sightings = Sightings("ups")
    look(sightings, BATTERY)
    heard = [each for n in range(1, 50) for each in sightings.compare([], NOW + n, WALL + n, whole=False)]

    assert [] == heard


@pytest.mark.parametrize("zero", [{"within": 0.0}, {"deadline": 0.0}, {}], ids=["none left", "now", "not said"])
def test_a_hibernation_begins_at_once(zero: dict[str, float]) -> None:
    """With no time at all nobody knows when the machine freezes, and the configured grace counts."""
    assert [("stop", None)] == told(shown(**{"key": "spot", "cause": "spot hibernate", **zero}))


def test_after_a_hibernation_the_time_that_has_stood_still_moves_nothing() -> None:
    """The wall clock has gone on for a day, the monotonic clock has not; what stood there stands."""
    sightings = Sightings("aws")
    first = look(sightings, shown(120, cause="spot hibernate"))
    then = look(sightings, shown(120, cause="spot hibernate"), after=1, step=86400.0)

    assert (1, []) == (len(first), then)
