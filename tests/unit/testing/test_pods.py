"""How a pod ends, in virtual time."""

from __future__ import annotations

from processender.testing.pods import NEVER, Fate, Timing, foretell


def test_the_hook_takes_whole_seconds_out_of_the_grace() -> None:
    """2.9 s of a hook cost 2 s of 10, so KILL comes 8 s after the signal."""
    found = foretell([Timing("app", hook=2.9, stops=NEVER)], 10)

    assert {"app": Fate("app", 2.9, 10.9, 10.9, killed=True)} == found


def test_a_hook_that_overruns_leaves_two_seconds() -> None:
    """The signal comes when the grace is over, and KILL two seconds later."""
    found = foretell([Timing("app", hook=NEVER, stops=NEVER)], 5)

    assert {"app": Fate("app", 5, 7, 7, killed=True)} == found


def test_who_ends_at_the_signal_is_not_killed() -> None:
    """A container that needs a second has it."""
    found = foretell([Timing("app", stops=1.0)], 30)

    assert Fate("app", 0, 30, 1.0, killed=False) == found["app"]


def test_a_native_sidecar_ends_after_the_others() -> None:
    """Its hook runs at once; its signal waits until the main container is gone, and takes that out of its grace."""
    found = foretell([Timing("proxy", hook=0.5, sidecar=True), Timing("app", stops=4.2)], 10)

    assert Fate("proxy", 4.2, 11.2, 4.2, killed=False) == found["proxy"]


def test_native_sidecars_end_in_reverse_order() -> None:
    """The one that was started last is asked first."""
    timings = [
        Timing("first", sidecar=True, stops=1.0),
        Timing("second", sidecar=True, stops=1.0),
        Timing("app", stops=1.0),
    ]
    found = foretell(timings, 30)

    assert [2.0, 1.0, 0.0] == [found[name].term_at for name in ("first", "second", "app")]


def test_a_sidecar_that_waited_for_all_of_the_grace_has_two_seconds() -> None:
    """The main container has used everything up."""
    found = foretell([Timing("proxy", sidecar=True, stops=NEVER), Timing("app", stops=NEVER)], 4)

    assert (4, 6, True) == (found["proxy"].term_at, found["proxy"].kill_at, found["proxy"].killed)


def test_a_container_that_has_ended_gets_no_signal() -> None:
    """It ended by itself while its hook ran, which ends with it."""
    found = foretell([Timing("app", hook=5.0, ends=1.0)], 10)

    assert (NEVER, 1.0, False) == (found["app"].term_at, found["app"].gone_at, found["app"].killed)


def test_a_kubelet_that_is_restarted_begins_again_with_the_full_grace() -> None:
    """The first signal stays the first; KILL comes a full grace after the restart."""
    found = foretell([Timing("app", stops=NEVER)], 5, restart_at=3.0)

    assert Fate("app", 0.0, 8.0, 8.0, killed=True) == found["app"]


def test_a_restart_after_the_end_changes_nothing() -> None:
    """Who is gone stays gone."""
    timings = [Timing("app", stops=1.0)]

    assert foretell(timings, 5) == foretell(timings, 5, restart_at=2.0)


def test_who_heard_the_first_signal_ends_by_it_after_a_restart() -> None:
    """It needs no second one."""
    found = foretell([Timing("app", stops=4.0)], 5, restart_at=3.0)

    assert (0.0, 4.0, False) == (found["app"].term_at, found["app"].gone_at, found["app"].killed)
