"""A run in which everything takes as long as expected and nothing is called."""

from __future__ import annotations

from hypothesis import given

from processender.core.events import AttemptStarted, HandlerEnded
from processender.core.handler import Handler
from processender.core.outcome import Outcome
from processender.core.rehearse import rehearse
from processender.core.window import Window
from processender.testing.simulate import make_plan

from .strategies import handlers


def refuse() -> None:
    """Fail the test that calls it."""
    raise AssertionError("a rehearsal called a handler")


def test_nothing_is_called() -> None:
    """A rehearsal has no effect."""
    events = rehearse(make_plan([Handler("a", refuse, expected=1.0)]))

    assert [Outcome.DONE] == [event.result.outcome for event in events if isinstance(event, HandlerEnded)]


def test_everything_takes_as_long_as_expected() -> None:
    """One behind the other."""
    made = [Handler("a", expected=2.0), Handler("b", expected=3.0, after=("a",))]
    events = rehearse(make_plan(made))

    assert [("a", 2.0), ("b", 5.0)] == [(e.result.handler, e.at) for e in events if isinstance(e, HandlerEnded)]


def test_it_begins_with_the_window() -> None:
    """Times are those of the plan's window."""
    events = rehearse(make_plan([Handler("a")], Window.open(500.0, 30.0)))

    assert [500.0] == [event.at for event in events if isinstance(event, AttemptStarted)]


def test_what_does_not_fit_is_cut() -> None:
    """The rehearsal shows what would happen."""
    (end,) = [e for e in rehearse(make_plan([Handler("a", expected=60.0)])) if isinstance(e, HandlerEnded)]

    assert (27.0, Outcome.ABANDONED) == (end.at, end.result.outcome)


@given(handlers())
def test_everybody_ends_once(made: list[Handler]) -> None:
    """Whatever the order."""
    ended = [event.result.handler for event in rehearse(make_plan(made)) if isinstance(event, HandlerEnded)]

    assert sorted(handler.name for handler in made) == sorted(ended)
