"""What stands when several sources ask for something, and some take it back."""

from __future__ import annotations

from processender.core.notice import Action, DeadlineKind, Notice
from processender.core.standing import FLOOD, FULL, MOST, Standing, put_off

GRACE = 30.0


def asks(key: str, at: float = 100.0, deadline: float | None = None, *, origin: str = "aws", action: Action = Action.STOP,
         kind: DeadlineKind = DeadlineKind.TOLD, extends: bool = False) -> Notice:  # fmt: skip
    """Return what a source asks for."""
    return Notice(key or "SIGTERM", origin, at, action, deadline, kind, key=key, extends=extends)


def standing(*notices: Notice) -> Standing:
    """Return what stands after these."""
    made = Standing()
    for notice in notices:
        made.take(notice, GRACE)
    return made


def at(found: Standing) -> float | None:
    """Return when the process will be gone."""
    deadline = found.deadline(GRACE)
    return None if deadline is None else deadline.at


def test_three_sources_have_three_deadlines() -> None:
    """The earliest that was told holds; when it is taken back, the next one does."""
    three = [asks("a", deadline=150.0), asks("b", deadline=120.0, origin="azure"), asks("", 101.0)]
    all_of_them = standing(*three)

    assert 120.0 == at(all_of_them)
    assert 150.0 == at(all_of_them.without(three[1]))
    assert 131.0 == at(all_of_them.without(three[1]).without(three[0]))


def test_a_name_belongs_to_its_source() -> None:
    """Two sources may call different things the same."""
    both = standing(asks("spot", deadline=120.0), asks("spot", deadline=150.0, origin="queue"))

    assert 150.0 == at(both.without(asks("spot")))


def test_what_a_source_says_anew_holds_in_the_place_of_what_it_said() -> None:
    """An event that is put off is put off, and one that comes earlier comes earlier."""
    assert 200.0 == at(standing(asks("a", deadline=120.0), asks("a", 105.0, 200.0)))
    assert 110.0 == at(standing(asks("a", deadline=120.0), asks("a", 105.0, 110.0)))


def test_the_same_again_opens_no_new_window() -> None:
    """Without a deadline the grace counts from the first time."""
    assert 130.0 == at(standing(asks("a", 100.0), asks("a", 110.0)))


def test_an_extension_moves_only_its_own_deadline() -> None:
    """More time from the group is none from the spot market."""
    both = standing(asks("spot", deadline=120.0), asks("group"), asks("group", 102.0, 400.0))

    assert 120.0 == at(both)
    assert 400.0 == at(both.without(asks("spot")))


def test_a_resume_without_a_name_takes_everything_back() -> None:
    """Whoever says it means all of it."""
    rest = standing(asks("a"), asks(""), asks("", action=Action.DRAIN)).without(asks(""))

    assert ([], [], None) == (rest.ends, rest.drains, at(rest))


def test_what_is_to_happen_tomorrow_gives_no_time_to_an_end_of_today() -> None:
    """It can only shorten it."""
    tomorrow = asks("m", deadline=90_000.0, action=Action.STOP_BY)

    assert 90_000.0 == at(standing(tomorrow))
    assert 131.0 == at(standing(tomorrow, asks("", 101.0)))
    assert 120.0 == at(standing(asks("m", deadline=120.0, action=Action.STOP_BY), asks("", 101.0)))


def test_a_drain_has_no_deadline() -> None:
    """It is no end."""
    made = standing(asks("a", action=Action.DRAIN), asks("", action=Action.DRAIN))

    assert None is at(made)
    assert 2 == len(made.drains)


def test_a_flood_is_bounded() -> None:
    """Ten thousand signals are one, and ten thousand names are as many as anybody needs."""
    made = standing(*(asks("", 100.0 + n) for n in range(2000)), *(asks(str(n)) for n in range(1000)))

    assert 1 + MOST == len(made.ends)


def test_a_flood_hides_no_end() -> None:
    """Who fills all the room with less than an end, or with later ends, does not keep out the one that matters."""
    drains = [asks(str(n), action=Action.DRAIN) for n in range(MOST)]
    later = [asks(str(n), deadline=900.0 + n) for n in range(MOST)]

    assert 120.0 == at(standing(*drains, asks("spot", deadline=120.0, origin="azure")))
    assert 120.0 == at(standing(*later, asks("spot", deadline=120.0, origin="azure")))
    assert MOST == len(standing(*later, asks("spot", deadline=120.0)).ends)


def test_a_deadline_may_come_nearer_for_ever() -> None:
    """Each time by a little: the last one counts, and not all are kept."""
    made = standing(*(asks("", deadline=2000.0 - n) for n in range(1000)))

    assert 1001.0 == at(made)
    assert 2 == len(made.ends)


BUSY = [asks(f"busy {n}", origin="busy") for n in range(FLOOD)]
"""So much waits already that it is a flood."""


def put_off_all(*notices: Notice) -> list[Notice]:
    """Return what is left of these for later, behind those that wait already."""
    found = list(BUSY)
    for notice in notices:
        found = put_off(found, notice, "body")
    return [each for each in found if each not in BUSY]


def test_what_is_asked_for_and_taken_back_again_and_again_is_nothing() -> None:
    """A hundred thousand times, while an earlier end is still being undone: the end behind it has not to wait."""
    drain, back = asks("a", action=Action.DRAIN), asks("a", action=Action.RESUME)
    end = asks("", deadline=120.0)

    assert [back, end] == put_off_all(*[drain, back] * 1000, end)
    assert [back, drain] == put_off_all(*[drain, back] * 1000, drain, drain)


def test_what_is_taken_back_is_only_what_has_its_name() -> None:
    """And all, by who says no name; but what cannot be taken back."""
    other, left = asks("a", origin="azure"), asks("", origin="body")
    back, all_back = asks("a", action=Action.RESUME), asks("", action=Action.RESUME)

    assert [other, left, back] == put_off_all(asks("a"), other, left, back)
    assert [left, all_back] == put_off([*BUSY, asks("a"), other, left], all_back, "body")


def test_what_is_said_again_is_put_off_once() -> None:
    """The first time tells when, and a change is the last word; an end is not made less."""
    first, again, earlier = asks("a", 100.0), asks("a", 101.0), asks("a", 102.0, 120.0)
    drains = [asks(str(n), action=Action.DRAIN) for n in range(2 * FULL)]

    assert [first] == put_off_all(first, again)
    assert [earlier] == put_off_all(first, earlier)
    assert [first, asks("a", action=Action.DRAIN)] == put_off_all(first, asks("a", action=Action.DRAIN))
    assert 1 + FULL - FLOOD == len(put_off_all(*drains, asks("end")))


def test_without_a_flood_each_is_acted_on() -> None:
    """What leaves traffic and comes back ten times does so ten times."""
    flaps = [asks("a", action=action) for _ in range(10) for action in (Action.DRAIN, Action.RESUME)]
    found: list[Notice] = []
    for notice in flaps:
        found = put_off(found, notice, "body")

    assert flaps == found
