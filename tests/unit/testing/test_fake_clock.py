"""A clock that jumps: real Enders, with real handlers, in no time."""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import threading
import time

import pytest

from processender import Ender, Retry
from processender.errors import StateError
from processender.testing import world as worlds
from processender.testing.fake_clock import FakeClock
from processender.testing.faults import Faults
from processender.testing.notices import Notices
from processender.testing.sequences import GITHUB
from processender.testing.world import StalledError

REAL = time.monotonic


def quick() -> Ender:
    """Return an Ender that says nothing."""
    return Ender("orders", observers=(), drain_delay=0)


def test_a_window_of_30_s_takes_milliseconds() -> None:
    """Sync and async handlers take the time that they say, and no more of the test's than it must be."""
    ender = quick()
    ender.add(lambda: time.sleep(12), name="drain", phase="quiesce")

    @ender.handler(phase="flush")
    async def flush() -> None:
        await asyncio.sleep(11)

    began = REAL()
    with FakeClock() as clock:
        ran = clock.run(ender, "30s")
    took = REAL() - began

    assert ("clean", ["drain", "flush"]) == (ran.verdict, [each for each in ran.order if each != "body"])
    assert 23 == pytest.approx(ran.took, abs=0.01)
    assert (12, 11) == pytest.approx((ran.seconds("drain"), ran.seconds("flush")), abs=0.01)
    assert ran.in_time
    assert took < 23 / 4


def test_a_handler_that_hangs_is_given_up_in_time() -> None:
    """The others have their time, and the process would have been left by force; the test goes on."""
    ender = quick()
    ender.add(lambda: threading.Event().wait(), name="hangs", importance="may", timeout=5)
    ender.add(lambda: time.sleep(3), name="flush", phase="flush", importance="must")
    with FakeClock() as clock:
        ran = clock.run(ender, 20)

    assert {"hangs": "abandoned", "flush": "done"} == ran.outcomes
    assert ran.in_time
    assert [70] == ran.left


def test_retries_wait_in_the_time_of_the_clock() -> None:
    """A handler that fails twice has its pauses, and is done the third time."""
    ender = quick()
    ender.add(lambda: None, name="flush", retry=Retry(attempts=3, initial=5.0))
    with FakeClock(chance=lambda: 0.9) as clock, Faults() as faults:
        ran = clock.run(ender, "60s", faults=faults.fails("flush", times=2))

    assert ({"flush": "done"}, 3) == (ran.outcomes, ran.handler("flush")["attempts"])
    assert 9 == pytest.approx(ran.took, abs=0.01)


def test_a_slow_handler_is_slow_by_as_much_as_was_asked() -> None:
    """The fault waits in the time of the clock, too."""
    ender = quick()
    ender.add(lambda: None, name="flush")
    with FakeClock() as clock:
        ran = clock.run(ender, "30s", faults=Faults().slow("flush", "9s"))

    assert 9 == pytest.approx(ran.seconds("flush"), abs=0.01)


def test_a_deadline_may_be_cut_in_the_midst_of_the_end() -> None:
    """What is said later is heard while handlers run."""
    ender = quick()
    ender.add(lambda: threading.Event().wait(), name="hangs", importance="may")
    with FakeClock() as clock:
        ran = clock.run(ender, notices=Notices().announce("spot", within="2m").cut("4s", at="10s"))

    assert 10 < ran.took < 14
    assert "spot" == ran.account["cause"]


def test_the_signals_of_a_platform_come_at_their_times() -> None:
    """GitHub Actions sends two before it kills."""
    ender = Ender("orders", observers=(), grace=9.9, exit="signal")
    ender.add(lambda: time.sleep(7.7), name="flush")
    with FakeClock() as clock:
        ran = clock.run(ender, notices=Notices().platform(GITHUB))

    assert "clean" == ran.verdict
    assert ["SIGINT", "SIGTERM"] == [notice["cause"] for notice in ran.account["notices"]]
    assert (10.0, True) == (ran.killed_at, ran.in_time)
    assert [130] == ran.left


def test_an_end_that_takes_too_long_for_its_platform_is_not_in_time() -> None:
    """The grace of the Ender is longer than that of the platform."""
    ender = Ender("orders", observers=(), grace=60.0)
    ender.add(lambda: time.sleep(12), name="flush")
    with FakeClock() as clock:
        ran = clock.run(ender, notices=Notices().platform(GITHUB))

    assert not ran.in_time


def test_resources_are_set_up_and_torn_down() -> None:
    """Both on threads, in the time of the clock."""
    told = []
    ender = quick()

    @ender.resource
    def pool():
        told.append("up")
        yield 1
        time.sleep(2)
        told.append("down")

    with FakeClock() as clock:
        ran = clock.run(ender, "30s")

    assert (["up", "down"], "done") == (told, ran.outcomes["pool"])


@pytest.mark.parametrize("cancels", [True, False], ids=["cancelled", "left"])
def test_async_resources_live_on_a_loop(cancels: bool) -> None:
    """As in an application that enters its Ender with `async with`."""
    ender = Ender("orders", observers=(), cancel_body=cancels)

    @ender.resource
    async def pool():
        await asyncio.sleep(3)
        yield asyncio.get_running_loop()
        await asyncio.sleep(4)

    with FakeClock() as clock:
        ran = clock.run(ender, "30s", cause="SIGQUIT")

        assert ("SIGQUIT", {"pool": "done"}) == (ran.account["cause"], ran.outcomes)
        assert (4, 7) == pytest.approx((ran.took, clock.passed), abs=0.1)


def test_everything_that_waits_waits_in_the_time_of_the_clock() -> None:
    """Sleeps, time-outs of events, queues and conditions, joins, timers and loops."""
    with FakeClock() as clock:
        time.sleep(10)
        assert not threading.Event().wait(10)
        with pytest.raises(queue.Empty):
            queue.Queue().get(timeout=10)
        thread = threading.Thread(target=time.sleep, args=(10,))
        thread.start()
        thread.join()
        rings = threading.Event()
        threading.Timer(10, rings.set).start()
        assert rings.wait()
        asyncio.run(asyncio.sleep(10))
        asyncio.run(asyncio.wait_for(asyncio.to_thread(time.sleep, 10), 20))

        assert 70 == pytest.approx(clock.passed, abs=0.01)


def test_a_join_may_be_in_vain() -> None:
    """Its time is up, and the thread goes on."""
    with FakeClock() as clock:
        thread = threading.Thread(target=time.sleep, args=(10,), daemon=True)
        thread.start()
        thread.join(4)

        assert (True, 4) == (thread.is_alive(), pytest.approx(clock.passed, abs=0.01))


def test_the_same_program_does_the_same_in_the_same_order() -> None:
    """One thread runs at a time, and the next one is not left to chance."""

    def once() -> list[int]:
        told: list[int] = []
        with FakeClock():
            threads = [
                threading.Thread(target=lambda n=n: [(time.sleep(n % 3), told.append(n)) for _ in range(3)])
                for n in range(8)
            ]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
        return told

    assert once() == once()


def test_advance_lets_happen_what_is_due() -> None:
    """And nothing else."""
    told = []
    with FakeClock() as clock:
        for seconds in (1, 3):
            timer = threading.Timer(seconds, told.append, (seconds,))
            timer.daemon = True
            timer.start()
        clock.advance("2s")
        assert [1] == told
        clock.advance(2)
        assert [1, 3] == told


def test_a_real_program_answers_an_event_loop_before_the_clock_jumps() -> None:
    """The network is real, and is given a moment."""

    async def ask() -> bytes:
        async with asyncio.timeout(600):
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print('hello')", stdout=asyncio.subprocess.PIPE
            )
            return (await program.communicate())[0]

    with FakeClock():
        assert b"hello\n" == asyncio.run(ask())


def test_what_blocks_for_real_takes_no_time_until_it_counts_as_hanging(monkeypatch) -> None:
    """The others go on without it."""
    monkeypatch.setattr(worlds, "PATIENCE_S", 0.05)
    reader, writer = os.pipe()
    told = []
    with FakeClock() as clock:
        thread = threading.Thread(target=lambda: told.append(os.read(reader, 1)))
        thread.start()
        time.sleep(5)
        assert 5 == pytest.approx(clock.passed, abs=0.01)
        os.write(writer, b"x")
        thread.join()
    os.close(reader)
    os.close(writer)

    assert [b"x"] == told


def test_who_waits_for_what_never_comes_is_told(monkeypatch) -> None:
    """A test that would hang for ever says why."""
    monkeypatch.setattr(worlds, "STALLED_S", 0.05)
    with FakeClock(), pytest.raises(StalledError, match="all threads wait"):
        threading.Event().wait()


def test_real_threads_live_in_the_real_time() -> None:
    """Who was there before the clock was entered is not of its world."""
    told: list[float] = []
    go, gone = threading.Event(), threading.Event()

    def real() -> None:
        go.wait()
        told.append(REAL() - time.monotonic())
        gone.set()

    thread = threading.Thread(target=real)
    thread.start()
    with FakeClock() as clock:
        clock.advance(1000)
        go.set()
        gone.wait()
    thread.join()

    assert abs(told[0]) < 500


def test_everything_is_as_before_when_the_clock_is_left() -> None:
    """Nothing stands in for anything any more, no variable is changed, and no thread of the kit is left."""
    before = (
        time.sleep,
        time.monotonic,
        time.time,
        threading.Condition.wait,
        threading.Thread.start,
        queue.SimpleQueue,
    )
    with FakeClock():
        assert time.sleep is not before[0]
    after = (time.sleep, time.monotonic, time.time, threading.Condition.wait, threading.Thread.start, queue.SimpleQueue)

    assert before == after
    assert "PROCESSENDER_STATE" not in os.environ
    assert not [each for each in threading.enumerate() if each.name == "processender-world"]


def test_a_clock_that_is_not_entered_says_so() -> None:
    """It would be the real one."""
    with pytest.raises(StateError, match="enter it first"):
        FakeClock().run(quick())


def test_a_bare_import_needs_no_test_runner() -> None:
    """The kit works without pytest."""
    code = "import sys; import processender.testing.fake_clock; print('pytest' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False\n" == ran.stdout


def test_an_ender_that_would_die_of_its_signal_does_not_take_the_test_with_it() -> None:
    """It is told as `subprocess` would tell it."""
    ender = Ender("orders", observers=(), exit="reraise")
    with FakeClock() as clock:
        ran = clock.run(ender, notices=Notices().signal("TERM"))

    assert [-15] == ran.left


def test_an_end_by_hand_is_as_quick() -> None:
    """A test may enter the Ender itself, and look what is so in the midst of it."""
    ender = quick()
    ender.add(lambda: time.sleep(10), name="flush")
    with FakeClock() as clock:
        with ender:
            clock.advance("1m")
            ender.stop("deploy")
            clock.advance(10)
            remaining = ender.remaining()

        assert remaining is not None
        assert remaining < 20
        assert "done" == {each["name"]: each["outcome"] for each in ender.report["handlers"]}["flush"]


async def serve(ender: Ender) -> None:
    """Be an application that works until it is asked to end."""
    async with ender:
        await asyncio.sleep(3600)


def test_an_async_application_ends_in_no_time() -> None:
    """Its own loop waits for the clock, too."""
    ender = quick()

    @ender.handler(phase="flush")
    async def flush() -> None:
        await asyncio.sleep(20)

    with FakeClock() as clock:
        threading.Timer(100, ender.stop).start()
        asyncio.run(serve(ender))

        assert 120 == pytest.approx(clock.passed, abs=0.1)
