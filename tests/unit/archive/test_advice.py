"""What is advised, and when nothing is."""

from __future__ import annotations

from processender.archive.advice import Advice, Kept, advice, rounded
from tests.unit.archive.overviews import counts, entry, group, handler, overview, troubled


def advised(*, kept: Kept | None = None, **more: object) -> list[tuple[str, str]]:
    """Return what is to be changed, and how, by an overview with *more*."""
    return [(each.about, each.change) for each in advice(overview(recent=(entry(window_s=10.0),), **more), kept)]


def test_nothing_is_advised_where_all_is_well() -> None:
    """Not even that something might be less."""
    assert [] == advised(handlers=(handler(timeout_s=2.0), handler("other")))


def test_a_timeout_that_is_never_near_its_use_is_named() -> None:
    """Three times what nearly every run takes is enough."""
    assert [("flush", "timeout 60s -> 1.5s")] == advised(handlers=(handler(timeout_s=60.0),))


def test_a_timeout_under_two_seconds_is_left_alone() -> None:
    """However quick the handler is."""
    assert [] == advised(handlers=(handler(p95_s=0.001, timeout_s=1.9),))


def test_a_timeout_that_is_too_short_is_doubled() -> None:
    """Where those that were done were near it."""
    tight = handler(outcomes={"done": 80, "timed_out": 20}, p95_s=4.0, timeout_s=5.0)

    assert [("flush", "timeout 5s -> 10s")] == advised(handlers=(tight,))


def test_more_time_is_no_answer_to_a_hang() -> None:
    """Where those that were done were quick."""
    hangs = handler(outcomes={"done": 80, "abandoned": 20}, p95_s=0.2, timeout_s=5.0)

    assert [("flush", "timeout 5s -> 1s and a retry: the report has its stack")] == advised(handlers=(hangs,))


def test_how_few_were_done_is_said_as_it_was() -> None:
    """Eight of nine are not hardly any."""
    few = handler(outcomes={"done": 9, "timed_out": 1}, runs=10, p95_s=0.2, timeout_s=5.0)
    never = handler(outcomes={"timed_out": 10}, runs=10, p95_s=None, timeout_s=5.0)
    told = [each.why for some in (few, never) for each in advice(overview(handlers=(some,)))]

    assert [
        "its time was up in 1 of 10 runs, and 9 were done, too few to tell more",
        "its time was up in 10 of 10 runs, and it was never done",
    ] == told


def test_a_handler_without_timeout_that_hangs_gets_one() -> None:
    """By what those took that were done."""
    hangs = handler(outcomes={"done": 80, "abandoned": 20}, p95_s=2.0)

    assert [("flush", "timeout 6s, and a retry")] == advised(handlers=(hangs,))


def test_a_handler_that_is_skipped_on_most_spot_notices_is_named() -> None:
    """By its importance."""
    skipped = handler(importance="may", skipped_by_cause={"spot": 30, "SIGTERM": 2}, reasons={"no room: 2 s": 32})
    (found,) = advice(overview(handlers=(skipped,), causes=(group("SIGTERM", 160, 160), group("spot", 40, 40))))

    assert found.change.startswith("importance may -> should if it matters; else make it quicker than 0.20 s")
    assert found.why == "it is skipped in 30 of 40 runs after spot: no room: 2 s"


def test_a_handler_that_must_run_and_does_not_needs_a_longer_grace() -> None:
    """Its importance is the highest already."""
    skipped = handler(importance="must", skipped_by_cause={"spot": 30}, reasons={"no room: 2 s": 30})

    assert [
        ("flush", "a longer grace, or make it earlier or quicker than 0.20 s: it is `must`, and hardly ever runs")
    ] == advised(handlers=(skipped,), causes=(group("spot", 40, 40),))


def test_a_handler_whose_need_fails_is_not_blamed() -> None:
    """Its importance would change nothing."""
    skipped = handler(skipped_by_cause={"spot": 30}, reasons={"needs flush, which failed": 30})

    assert [("flush", "see to what it needs, which fails; or take it out of `needs`")] == advised(
        handlers=(skipped,), causes=(group("spot", 40, 40),)
    )


def test_a_grace_that_is_too_short_is_named() -> None:
    """Where one run in twenty takes nearly all of the window."""
    found = advised(services=(group("shop", 200, 190, p95_s=9.0),))

    assert [
        ("grace", "grace 10s -> 14s, and what the platform gives with it (`processender doctor` tells that)")
    ] == found


def test_runs_that_are_killed_early_point_to_the_platform() -> None:
    """Which gives less time than the grace."""
    found = advised(counts=counts(200, 180, killed=20), services=(group("shop", 200, 180, p95_s=1.0),))

    assert [("grace", "compare the grace with what the platform gives: `processender doctor`")] == found


def test_exporters_that_are_never_done_are_named() -> None:
    """By what the reserve was spent on; it is learned, and ends at a quarter of the window."""
    found = advised(kept=Kept(20, 15, 4.0))

    assert [
        (
            "reserve",
            "make the exporters quicker: send to a collector on this host; or grace 10s -> 16s, a quarter of which the reserve may take",
        )
    ] == found


def test_a_few_runs_are_no_reason() -> None:
    """Fewer than ten."""
    few = handler(runs=9, outcomes={"timed_out": 9}, timeout_s=60.0)

    assert [] == advised(counts=counts(9, 0, killed=9), handlers=(few,))


def test_what_helps_most_comes_first() -> None:
    """By how many runs it is about; and each says why."""
    found = advice(troubled(), Kept(20, 4, 1.2))

    assert ["audit", "grace", "flush-orders", "close-pool", "reserve"] == [each.about for each in found]
    assert all(isinstance(each, Advice) and each.why for each in found)


def test_times_are_rounded_upward_to_two_digits() -> None:
    """A shorter one would be none."""
    assert ["0s", "0.013s", "1.3s", "12s", "130s", "1s", "10s"] == [
        rounded(each) for each in (0.0, 0.0121, 1.21, 11.9, 121.0, 1.0, 10.0)
    ]
