"""Assertions of a plan, and what is said when one does not hold."""

from __future__ import annotations

import subprocess
import sys

import pytest

from processender import Ender, Retry
from processender.testing.plans import assert_plan


def service() -> Ender:
    """Return an Ender with a usual plan."""
    ender = Ender("orders", observers=())
    ender.add(lambda: None, name="leave", phase="drain", expected=2.0, importance="may")
    ender.add(lambda: None, name="upload", phase="quiesce", expected=4.0, timeout=8.0, importance="may")
    ender.add(lambda: None, name="flush", phase="flush", expected=3.0, importance="must", retry=Retry(attempts=2))
    ender.add(lambda: None, name="pool", expected=0.5)
    return ender


def test_a_good_plan_passes_all_assertions() -> None:
    """Each returns the same again."""
    assert_plan(service()).fits("30s").orders("leave", "flush", "pool").orders("drain", "flush").keeps(
        "flush", within="5s"
    ).survives("flush")


def test_a_plan_that_does_not_fit_says_by_how_much() -> None:
    """The message names the handler and the reason."""
    ender = service()
    ender.add(lambda: None, name="commit", phase="commit", expected=40.0, importance="must")
    with pytest.raises(AssertionError, match=r"does not fit 30s:\n(.*\n)*.*commit"):
        assert_plan(ender).fits("30s")


def test_what_is_given_up_does_not_fit() -> None:
    """A plan that leaves something out is none that fits."""
    with pytest.raises(AssertionError, match="'upload' is given up"):
        assert_plan(service()).fits("6s")


def test_what_nothing_orders_is_found_although_it_may_go_well() -> None:
    """Two handlers of one phase run at the same time."""
    ender = service()
    ender.add(lambda: None, name="metrics", phase="flush")
    with pytest.raises(AssertionError, match=r"nothing makes 'metrics' wait for 'flush': say after='flush'"):
        assert_plan(ender).orders("flush", "metrics")


def test_phases_are_ordered_with_all_their_handlers() -> None:
    """The first one may be a phase, the second a handler."""
    assert_plan(service()).orders("quiesce", "pool")
    with pytest.raises(AssertionError, match="nothing makes 'leave' wait for 'flush'"):
        assert_plan(service()).orders("flush", "drain")


def test_a_mistyped_name_is_no_failed_assertion() -> None:
    """It is told what may have been meant."""
    with pytest.raises(ValueError, match="did you mean 'flush'"):
        assert_plan(service()).orders("flsh", "pool")


def test_what_is_not_kept_in_a_short_window_says_why() -> None:
    """Something else matters more."""
    with pytest.raises(AssertionError, match="'upload' is given up within 6s"):
        assert_plan(service()).keeps("upload", within="6s")


def test_a_handler_that_needs_a_weak_one_does_not_survive() -> None:
    """And the simplest case is shown."""
    ender = service()
    ender.add(lambda: None, name="commit", phase="commit", expected=1.0, importance="must", needs="upload")
    with pytest.raises(AssertionError, match=r"'commit' is skipped within 30 s \(.*upload.*\) when"):
        assert_plan(ender).fits("30s").survives("commit")


def test_one_in_the_lane_of_a_weak_one_survives() -> None:
    """A handler that hangs and does not give way is given up, and its lane with it."""
    ender = Ender("orders", observers=(), lanes={"db": 1})
    ender.add(lambda: None, name="report", phase="quiesce", lane="db")
    ender.add(lambda: None, name="save", phase="flush", lane="db", importance="must", expected=2.0)
    assert_plan(ender).survives("save", within="20s")


def test_every_run_ends_in_its_window() -> None:
    """Whatever all handlers do."""
    assert_plan(service()).survives(within="3s", examples=50)


def test_without_hypothesis_the_cases_are_drawn_from_a_seed() -> None:
    """The package does not need it."""
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from processender import Ender\n"
        "from processender.testing.plans import assert_plan\n"
        "ender = Ender('orders', observers=())\n"
        "ender.add(lambda: None, name='upload', phase='quiesce')\n"
        "ender.add(lambda: None, name='flush', phase='flush', importance='must', expected=1.0)\n"
        "assert_plan(ender).survives('flush')\n"
        "ender.add(lambda: None, name='commit', phase='commit', needs='upload')\n"
        "try:\n    assert_plan(ender).survives('commit')\n"
        "except AssertionError as error:\n    print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "'commit' is skipped" in ran.stdout
