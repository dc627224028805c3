"""What an overview says in sentences."""

from __future__ import annotations

import random

from processender.archive.answers import Mark
from processender.archive.sentences import MOST, sentences
from tests.unit.archive.overviews import DAY, FIRST, counts, days, group, handler, overview, troubled


def said(*wanted: str, **more: object) -> list[str]:
    """Return the sentences about *wanted*, of an overview with *more*."""
    return [each.text for each in sentences(overview(**more)) if each.about in wanted]


def test_a_version_that_is_worse_is_named() -> None:
    """With both shares, and of how many."""
    versions = (group("1.4.2", 100, 80), group("1.4.1", 100, 99))

    assert ["worse since 1.4.2: 80.0 % of 100 graceful, with 1.4.1 99.0 % of 100"] == said("version", versions=versions)


def test_versions_of_several_services_are_not_compared() -> None:
    """They do not follow one another; the service that is worse is named instead."""
    services = (group("shop", 100, 80), group("web", 100, 99))
    found = said("version", "service", services=services, versions=services, counts=counts(200, 179))

    assert ["worse with shop: 80.0 % of 100 graceful, otherwise 99.0 % of 100"] == found


def test_a_version_that_is_better_is_named_too() -> None:
    """It is good to know, and stands behind what is bad."""
    found = sentences(overview(versions=(group("2", 100, 100), group("1", 100, 70)), counts=counts(200, 170, killed=1)))

    assert [True, False] == [each.bad for each in found]


def test_few_runs_say_nothing() -> None:
    """Two failures of ten against none of ten are chance."""
    assert [] == said("version", versions=(group("2", 10, 8), group("1", 10, 10)))


def test_chance_alone_is_hardly_ever_taken_for_a_cause() -> None:
    """Of a thousand services in which nothing differs, in at most one of a hundred something is said to."""
    dice, spoke = random.Random(7), 0
    for _ in range(1000):
        drawn = [sum(dice.random() < 0.95 for _ in range(60)) for _ in range(8)]
        zones = tuple(group(name, 60, clean) for name, clean in zip("abcd", drawn[:4], strict=True))
        versions = tuple(group(name, 60, clean) for name, clean in zip("4321", drawn[4:], strict=True))
        spoke += bool(said("zone", counts=counts(240, sum(drawn[:4])), zones=zones)) + bool(
            said("version", versions=versions)
        )

    assert spoke <= 20


def test_a_zone_that_is_often_preempted_is_named() -> None:
    """It is what the cause of its ends says, and not how they went."""
    pairs = (("spot", "b", counts(40, 40)), ("SIGTERM", "b", counts(60, 60)), ("SIGTERM", "a", counts(95, 95)),
             ("spot", "a", counts(5, 5)))  # fmt: skip

    assert ["preempted often in zone b: 40.0 % of 100 ends, elsewhere 5.0 % of 100"] == said("zone", pairs=pairs)


def test_a_zone_in_which_runs_end_badly_is_named() -> None:
    """Against all others together."""
    found = said("zone", counts=counts(300, 270), zones=(group("a", 200, 199), group("b", 100, 71)))

    assert ["worse in zone b: 71.0 % of 100 graceful, otherwise 99.5 % of 200"] == found


def test_the_day_from_which_on_it_is_worse_is_named_with_what_was_marked_then() -> None:
    """A deployment of that day, or of the one before."""
    marks = (Mark(FIRST + 2 * DAY + 60, "deployment", "v2"), Mark(FIRST, "deployment", "v1"))
    found = said("time", days=days((50, 50), (50, 49), (50, 40), (50, 38)), marks=marks)

    assert ["worse since 2026-11-27 (deployment v2): 78.0 % of 100 graceful, before 99.0 % of 100"] == found


def test_what_a_version_explains_is_not_said_again_of_its_day() -> None:
    """One fact is one sentence."""
    abouts = [each.about for each in sentences(troubled())]

    assert "version" in abouts
    assert "time" not in abouts


def test_runs_that_never_ended_are_always_told() -> None:
    """One is enough: it is what SIGKILL leaves."""
    found = said("killed", counts=counts(5, 4, killed=1), causes=(group("SIGTERM", 5, 4, killed=1),))

    assert ["1 of 5 runs began and never ended, after SIGTERM: SIGKILL, or the power"] == found


def test_a_handler_that_became_slower_is_named() -> None:
    """Against the version before."""
    slow = handler(version="2", newest_p95_s=2.4, before_p95_s=0.9)

    assert ["flush is slower since 2: 2.40 s at p95, 0.90 s before"] == said("handler", handlers=(slow,))


def test_a_handler_that_is_often_not_done_is_named_with_how_and_why() -> None:
    """The most frequent reason."""
    missed = handler(outcomes={"done": 60, "timed_out": 30, "skipped": 10}, reasons={"no room": 10, "hung": 2})

    assert ["flush was not done in 40.0 % of 100 runs: timed out 30, skipped 10 (no room)"] == said(
        "handler", handlers=(missed,)
    )


def test_a_handler_that_was_not_done_once_is_no_sentence() -> None:
    """The run itself says it."""
    assert [] == said("handler", handlers=(handler(runs=1, outcomes={"failed": 1}),))


def test_the_others_together_are_no_zone() -> None:
    """What stands for many is not to blame."""
    assert [] == said("zone", counts=counts(300, 270), zones=(group("a", 200, 199), group("(others)", 100, 71)))


def test_too_few_runs_are_said_to_be_few() -> None:
    """Where there is nothing else to be said."""
    found = sentences(overview(counts=counts(3, 3)))

    assert ["3 runs, too few to compare: from 20 on it is told what differs"] == [each.text for each in found]


def test_no_run_says_nothing() -> None:
    """Not even that."""
    assert () == sentences(overview(counts=counts(0, 0)))


def test_names_may_be_anything() -> None:
    """They are cut, and steer nothing."""
    evil = "<script>\n\x1b[2J" + "x" * 10_000
    found = sentences(
        overview(
            versions=(group(evil, 100, 80), group("1", 100, 99)), handlers=(handler(evil, outcomes={"failed": 100}),)
        )
    )

    assert 2 == len(found)
    assert all(each.text.isprintable() and len(each.text) < 300 for each in found)


def test_there_are_only_a_few() -> None:
    """The gravest ones."""
    assert MOST == len(
        sentences(overview(handlers=tuple(handler(f"h{n}", outcomes={"failed": 100}) for n in range(50))))
    )
