"""Observers on threads of their own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from processender.core.events import Event, Trouble, Waiting
from processender.engine import observers
from processender.engine.observers import Outlets
from processender.testing.clock import VirtualClock
from processender.testing.recorder import Recorder
from tests.waits import until

LIMIT = 10.0
ONE, TWO, THREE = Waiting(1.0, ("one",)), Waiting(2.0, ("two",)), Waiting(3.0, ("three",))


class Gate(Recorder):
    """An observer that is held up until it is let go."""

    def __init__(self) -> None:
        """Be shut."""
        super().__init__()
        self.entered = threading.Event()
        self.open = threading.Event()

    def observe(self, event: Event) -> None:
        """Wait at the gate."""
        self.entered.set()
        self.open.wait(LIMIT)
        super().observe(event)


class Picky(Recorder):
    """An observer that cannot take some events."""

    def __init__(self, *refused: type) -> None:
        """Take what is refused."""
        super().__init__()
        self.refused = refused

    def observe(self, event: Event) -> None:
        """Raise for what is refused."""
        if isinstance(event, self.refused):
            raise ValueError("not this one")
        super().observe(event)


def outlets(*observed: Recorder) -> Outlets:
    """Return the outlets of these observers."""
    made = Outlets(VirtualClock())
    for each in observed:
        made.add(each)
    return made


def test_events_come_in_order() -> None:
    """As they were told."""
    recorder = Recorder()
    made = outlets(recorder)
    made.emit(ONE, TWO)
    made.emit(THREE)
    made.flush(LIMIT)

    assert [ONE, TWO, THREE] == recorder.events


def test_every_observer_is_told() -> None:
    """The second as well as the first."""
    one, two = Recorder(), Recorder()
    made = outlets(one, two)
    made.emit(ONE)
    made.flush(LIMIT)

    assert [ONE] == one.events == two.events


def test_telling_never_waits_for_an_observer() -> None:
    """A full pipe holds up nothing."""
    gate = Gate()
    made = outlets(gate)
    made.emit(ONE)
    gate.entered.wait(LIMIT)
    made.emit(TWO)

    assert [] == gate.events
    gate.open.set()


def test_a_flush_has_a_limit() -> None:
    """It says that not everything was taken."""
    gate = Gate()
    made = outlets(gate)
    made.emit(ONE)
    flushed = made.flush(0.0)
    gate.open.set()

    assert not flushed


def test_a_flush_waits_for_the_last_event() -> None:
    """Taken out of the queue is not yet taken in."""
    gate = Gate()
    made = outlets(gate)
    made.emit(ONE)
    gate.entered.wait(LIMIT)
    gate.open.set()
    flushed = made.flush(LIMIT)

    assert (True, [ONE]) == (flushed, gate.events)


def test_the_first_effect_waits_only_for_who_asks_for_it() -> None:
    """A slow log does not delay the first handler."""
    gate = Gate()
    made = outlets(gate)
    made.add(Recorder(), before_effect=True)
    made.emit(ONE)
    flushed = made.flush(LIMIT, before_effect=True)
    gate.open.set()

    assert flushed


def test_an_observer_that_raises_is_told_of_its_own_failure() -> None:
    """The trouble names the observer, the event and the error."""
    picky = Picky(Waiting)
    made = outlets(picky)
    made.emit(ONE)
    made.flush(LIMIT)

    assert [Trouble(0.0, "observer-failed", "the observer Picky cannot take Waiting: ValueError: not this one")] == (
        picky.events
    )


def test_an_observer_that_raises_is_reported_to_the_others() -> None:
    """A report that cannot be written is said where it can be read."""
    recorder = Recorder()
    made = outlets(Picky(Waiting), recorder)
    made.emit(ONE)
    made.flush(LIMIT)
    made.flush(LIMIT)

    assert ["observer-failed"] == [trouble.code for trouble in recorder.of(Trouble)]


def test_an_observer_that_raises_goes_on() -> None:
    """The next event is taken."""
    picky = Picky(Waiting)
    made = outlets(picky)
    made.emit(ONE, Trouble(2.0, "a", "b"))
    made.flush(LIMIT)

    assert Trouble(2.0, "a", "b") in picky.events


def test_an_observer_that_takes_nothing_at_all_makes_no_storm() -> None:
    """Two that fail do not complain of each other for ever."""
    made = outlets(Picky(Waiting, Trouble), Picky(Waiting, Trouble))
    made.emit(ONE)

    assert made.flush(LIMIT)


def test_of_too_many_events_the_oldest_are_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow observer costs no memory without end."""
    monkeypatch.setattr(observers, "KEPT", 2)
    gate = Gate()
    made = Outlets(VirtualClock())
    outlet = made.add(gate)
    made.emit(ONE)
    gate.entered.wait(LIMIT)
    made.emit(ONE, ONE, TWO, THREE)
    gate.open.set()
    made.flush(LIMIT)

    assert ([ONE, TWO, THREE], 2) == (gate.events, outlet.lost)


def test_a_closed_outlet_takes_what_was_handed_over() -> None:
    """Then its thread ends."""
    recorder = Recorder()
    made = outlets(recorder)
    made.emit(ONE, TWO)
    made.close()
    made.flush(LIMIT)

    assert [ONE, TWO] == recorder.events


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()])
def test_an_observer_that_raises_what_is_no_exception_takes_the_next_event(error: BaseException) -> None:
    """Its thread goes on, nobody waits for it in vain, and it is said."""

    class Leaves(Recorder):
        def observe(self, event: Event) -> None:
            if event is ONE:
                raise error
            super().observe(event)

    leaves, other = Leaves(), Recorder()
    made = outlets(leaves, other)
    made.emit(ONE, TWO)

    assert made.flush(LIMIT)
    assert TWO in leaves.events
    assert [type(error).__name__ in each.text for each in other.of(Trouble)] == [True]


def test_what_has_something_to_load_does_it_when_nothing_happens() -> None:
    """Before the end, and not while something is to be told."""
    prepared, taken = threading.Event(), threading.Event()

    class Loading(Recorder):
        def prepare(self) -> None:
            """Say so."""
            prepared.set()

        def observe(self, event: Event) -> None:
            """Take it, whether or not all is loaded."""
            super().observe(event)
            taken.set()

    outlets = Outlets(VirtualClock())
    outlets.add(Loading())
    outlets.emit(ONE)

    assert taken.wait(LIMIT)
    assert prepared.wait(LIMIT)


def test_what_cannot_be_loaded_is_said() -> None:
    """And events come all the same."""

    class Broken(Recorder):
        def prepare(self) -> None:
            """Fail."""
            raise ImportError("no module")

    outlets, told, broken = Outlets(VirtualClock()), Recorder(), Broken()
    outlets.add(told)
    outlets.add(broken)
    until(lambda: told.events)
    outlets.emit(ONE)
    until(lambda: broken.events)

    assert "cannot prepare itself: ImportError: no module" in told.events[0].text
