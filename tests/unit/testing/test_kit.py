"""The clock, the recorder and the simulation of the test kit."""

from __future__ import annotations

import pytest

from processender.core.events import Trouble, Waiting
from processender.core.handler import Handler
from processender.core.outcome import Outcome
from processender.errors import ProcessEnderError
from processender.testing.clock import VirtualClock
from processender.testing.recorder import Recorder
from processender.testing.simulate import NEVER, Behaviour, simulate


def test_the_clock_stands_still() -> None:
    """Time passes only when it is told to."""
    clock = VirtualClock(5.0)

    assert (5.0, 5.0) == (clock.now(), clock.now())


def test_both_clocks_move_together() -> None:
    """`advance` moves the monotonic clock and the date."""
    clock = VirtualClock(wall=100.0)
    clock.advance(2.5)

    assert (2.5, 102.5) == (clock.now(), clock.wall())


def test_a_step_moves_the_wall_clock_alone() -> None:
    """As an operator, or a time server, does."""
    clock = VirtualClock(5.0, wall=1000.0)
    clock.step(-3600.0)

    assert (5.0, -2600.0) == (clock.now(), clock.wall())


def test_the_clock_never_goes_back() -> None:
    """A negative step is refused."""
    with pytest.raises(ValueError, match="never goes back"):
        VirtualClock().advance(-1)


def test_every_draw_is_the_given_one() -> None:
    """Chance is data."""
    clock = VirtualClock(chance=0.25)

    assert [0.25, 0.25] == [clock.chance(), clock.chance()]


def test_the_recorder_keeps_the_order() -> None:
    """What came first stands first."""
    recorder = Recorder()
    events = [Trouble(1.0, "a", ""), Waiting(2.0, ()), Trouble(3.0, "b", "")]
    for event in events:
        recorder.observe(event)

    assert events == recorder.events


def test_the_recorder_tells_the_events_of_one_kind() -> None:
    """`of` leaves out the others."""
    recorder = Recorder()
    recorder.observe(Waiting(2.0, ()))
    recorder.observe(Trouble(3.0, "b", ""))

    assert [Trouble(3.0, "b", "")] == recorder.of(Trouble)


def test_who_is_not_in_the_script_returns_at_once() -> None:
    """An empty script is a run without surprises."""
    ran = simulate([Handler("a"), Handler("b")])

    assert {"a": Outcome.DONE, "b": Outcome.DONE} == ran.outcomes


def test_the_last_attempt_of_a_script_is_repeated() -> None:
    """A list of one error fails for ever."""
    from processender.core.retry import Retry

    ran = simulate([Handler("a", retry=Retry(attempts=3))], {"a": [OSError("no")]})

    assert 3 == len(ran.attempts("a"))


def test_an_hour_passes_in_no_time() -> None:
    """Nobody waits."""
    ran = simulate([Handler("a")], {"a": 3600.0}, 7200.0)

    assert 3600.0 == ran.now


def test_a_run_that_waits_for_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the run is not an endless loop of the simulation."""
    from processender.core.run import Run

    monkeypatch.setattr(Run, "wake_at", property(lambda _: None))
    with pytest.raises(ProcessEnderError, match="waits for nothing"):
        simulate([Handler("a")], {"a": Behaviour(NEVER, gives_way=NEVER)})
