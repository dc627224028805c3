"""What the clock that jumps makes of other clocks of the library, and of processes, which live in real time."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from processender import Ender
from processender.testing.fake_clock import FakeClock

CHILD = [sys.executable, "-c", "import threading; threading.Event().wait(0.6)"]


@pytest.mark.parametrize("name", ["monotonic", "perf_counter", "time"])
def test_every_clock_of_the_library_jumps(name: str) -> None:
    """In seconds and in nanoseconds."""
    with FakeClock():
        before = getattr(time, name)(), getattr(time, f"{name}_ns")()
        time.sleep(10)
        after = getattr(time, name)(), getattr(time, f"{name}_ns")()

    assert after[0] - before[0] >= 10
    assert after[1] - before[1] >= 9_999_000_000


def test_a_handler_may_run_a_process() -> None:
    """It takes longer than a thread may block unseen, and the window is not over for that."""
    ender = Ender("orders", observers=(), drain_delay=0)
    ender.add(lambda: subprocess.run(CHILD, check=True), name="dump", timeout=20)
    with FakeClock() as clock:
        ran = clock.run(ender, "30s")

    assert ran.outcomes == {"dump": "done"}


def test_a_process_that_hangs_is_timed_out_by_this_clock() -> None:
    """Nothing is polled in between, and no more time passes than it was given."""
    with FakeClock() as clock, subprocess.Popen(["sleep", "60"]) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.5)
        passed = clock.passed
        child.kill()

    assert 0.5 <= passed < 1.5


def test_a_clock_that_is_entered_twice_is_two() -> None:
    """The outer goes on where it was."""
    with FakeClock() as outer:
        with FakeClock() as inner:
            time.sleep(100)
        time.sleep(1)

        assert inner is not outer
        assert outer.passed >= 1
