"""What the words of a UPS mean: each bad day of a battery is a row, or a short film."""

from __future__ import annotations

import pytest

from processender.core.notice import Action, Notice
from processender.core.sighting import Sightings
from processender.glance import Unclear
from processender.integrations.nut.power import CALM_S, Power

NOW, WALL = 1000.0, 1_800_000_000.0


class Film:
    """A UPS that is looked at once a second."""

    def __init__(self, battery: Action = Action.ADVISE, steady: float = 30.0) -> None:
        self.power = Power(battery, 15.0, 15.0, steady)
        self.sightings = Sightings("ups")
        self.at = NOW
        self.told: list[Notice] = []

    def look(self, status: str | None, runtime: float | None = None, *, seconds: int = 1) -> list[str]:
        """Look for so many *seconds*, None for nothing fresh; return what is told meanwhile, each with its time left."""
        before = len(self.told)
        for _ in range(seconds):
            self.at += 1
            now, wall = self.at, WALL + self.at - NOW
            seen = self.power.lost(now, wall) if status is None else self.power.seen(status, runtime, now, wall)
            self.told += self.sightings.compare(seen or [], now, wall, whole=status is not None and seen is not None)
        return [_shown(each) for each in self.told[before:]]


def _shown(notice: Notice) -> str:
    left = "" if notice.deadline is None else f" {notice.deadline - notice.at:.0f}"
    return f"{notice.action}: {notice.cause}{left}"


ROWS = [
    ("OL", None, []),
    ("OL CHRG", 1800, []),
    ("WAIT", None, []),
    ("OFF", None, []),
    ("OL LB", 10, []),
    ("OB", 1800, ["advise: on battery"]),
    ("OB DISCHRG", None, ["advise: on battery"]),
    ("OL OB", None, ["advise: on battery"]),
    ("OB LB", 90, ["advise: on battery", "stop: low battery 90"]),
    ("LB DISCHRG OB", 90, ["advise: on battery", "stop: low battery 90"]),
    ("OB LB", None, ["advise: on battery", "stop: low battery"]),
    ("OB LB", 0, ["advise: on battery", "stop: low battery"]),
    ("OB LB", -5, ["advise: on battery", "stop: low battery"]),
    ("OB LB", float("nan"), ["advise: on battery", "stop: low battery"]),
    ("OB LB", float("inf"), ["advise: on battery", "stop: low battery"]),
    ("OB LB", 65535, ["advise: on battery", "stop: low battery"]),
    ("CAL OB LB", 90, []),
    ("OL CAL DISCHRG", 90, []),
    ("FSD OL", None, ["stop: forced shutdown 15"]),
    ("FSD OB LB", 90, ["advise: on battery", "stop: low battery 90", "stop: forced shutdown 15"]),
    ("FSD OB LB", 6, ["advise: on battery", "stop: low battery 6", "stop: forced shutdown 6"]),
    ("FSD", None, ["stop: forced shutdown 15"]),
    ("FSD OL", -1, ["stop: forced shutdown 15"]),
]


@pytest.mark.parametrize(("status", "runtime", "expected"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_what_a_status_tells(status: str, runtime: float | None, expected: list[str]) -> None:
    """Critical is a battery that is low while it is used, or a forced shutdown; nothing else is."""
    assert expected == Film().look(status, runtime)


@pytest.mark.parametrize("status", ["", "hello", "ol", "O B", "\0"])
def test_what_is_no_status_is_unclear(status: str) -> None:
    """And changes nothing."""
    with pytest.raises(Unclear, match="no status of a UPS"):
        Film().look(status)


def test_the_same_is_told_once() -> None:
    """However long it lasts."""
    film = Film()

    assert ["advise: on battery"] == film.look("OB", 1800, seconds=600)
    assert ["stop: low battery 100"] == film.look("OB LB", 100, seconds=30)


def test_power_that_is_back_takes_all_but_a_forced_end_back() -> None:
    """After two looks, as always."""
    film = Film()
    film.look("FSD OB LB", 90)

    assert ["advise: on battery called off", "resume: low battery called off"] == film.look("FSD OL", seconds=60)


def test_a_low_battery_stays_low_until_power_is_back() -> None:
    """Its bit flickers, and must not call the end off."""
    film = Film()
    film.look("OB LB", 90)

    assert [] == film.look("OB", 90, seconds=20)
    assert [] == film.look("OB LB", 90, seconds=20)


def test_a_battery_that_flaps_makes_no_storm() -> None:
    """An hour of power that comes and goes every five seconds is a handful of notices."""
    film = Film(Action.DRAIN)
    for _ in range(360):
        film.look("OB", 600, seconds=5)
        film.look("OL", seconds=5)

    assert ["drain", "resume", "drain"] == [str(each.action) for each in film.told]


def test_each_further_return_must_last_twice_as_long() -> None:
    """Up to ten minutes; after a calm while the first is believed again."""
    film, waits = Film(Action.DRAIN), []
    for _ in range(8):
        film.look("OB", 600, seconds=2)
        waited = 0
        while not any("called off" in each for each in film.look("OL")):
            waited += 1
        waits.append(waited)
    film.look("OL", seconds=int(CALM_S))
    film.look("OB", 600)

    assert [1, 31, 61, 121, 241, 481, 601, 601] == waits
    assert ["resume: on battery called off"] == film.look("OL", seconds=2)


def test_a_runtime_that_jumps_is_told_only_if_it_is_much_less() -> None:
    """It is an estimate."""
    film = Film()
    film.look("OB LB", 100)
    noise = [film.look("OB LB", 99 + wobble) for wobble in (0, 3, -6, 8, -7, 20)]

    assert [[]] * 6 == noise
    assert ["stop: low battery 40"] == film.look("OB LB", 40)


def test_a_runtime_of_long_ago_does_not_hide_that_the_battery_is_low() -> None:
    """The battery has held longer than it said."""
    film = Film()
    film.look("OB", 30, seconds=400)

    assert ["stop: low battery 30"] == film.look("OB LB", 30)


def test_silence_on_line_is_nothing() -> None:
    """However long."""
    film = Film()
    film.look("OL")

    assert [] == film.look(None, seconds=600)


def test_silence_on_battery_is_the_end() -> None:
    """After as long as upsmon waits; with what the battery had left when it was last heard of."""
    film = Film()
    film.look("OB", 300)

    assert [] == film.look(None, seconds=14)
    assert ["stop: on battery, and not heard of since 285"] == film.look(None, seconds=60)


def test_a_look_that_could_not_ask_for_the_runtime_forgets_nothing() -> None:
    """The host of the UPS may go between two of its answers."""
    film = Film()
    film.look("OB", 120)
    film.look("OB")

    assert ["stop: on battery, and not heard of since 104"] == film.look(None, seconds=15)


def test_a_ups_that_is_heard_of_again_takes_it_back() -> None:
    """It was only the network."""
    film = Film()
    film.look("OB", 300)
    film.look(None, seconds=30)

    assert ["resume: on battery, and not heard of since called off"] == film.look("OB", 270, seconds=5)


def test_a_status_that_says_nothing_leaves_all_as_it_is() -> None:
    """The driver has been started anew."""
    film = Film()
    film.look("OB LB", 100)

    assert [] == film.look("WAIT", seconds=30)


def test_being_on_battery_may_be_the_end() -> None:
    """With all that the battery has."""
    film = Film(Action.STOP)

    assert ["stop: on battery 1200"] == film.look("OB", 1200, seconds=30)
    assert [] == [told for runtime in range(1190, 1100, -3) for told in film.look("OB", runtime)]
    assert ["stop: on battery 300"] == film.look("OB", 300)
