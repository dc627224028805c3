"""What a handler is told and can do while it runs."""

from __future__ import annotations

from processender.core.events import Noted
from processender.engine.context import Context
from processender.engine.dependencies import Dependencies
from processender.testing.clock import VirtualClock


def context(clock: VirtualClock | None = None, *, attempt: int = 1) -> Context:
    """Return the context of an attempt that has 10 s."""
    clock = clock or VirtualClock()
    return Context(
        handler="flush",
        cause="SIGTERM",
        run="run-1",
        attempt=attempt,
        until=10.0,
        clock=clock,
        dependencies=Dependencies(clock),
        is_async=False,
    )


def test_remaining_runs_down() -> None:
    """With the clock."""
    clock = VirtualClock()
    ctx = context(clock)
    clock.advance(4.0)

    assert 6.0 == ctx.remaining()


def test_remaining_is_never_negative() -> None:
    """It can be handed on as a time-out."""
    clock = VirtualClock()
    ctx = context(clock)
    clock.advance(40.0)

    assert 0.0 == ctx.remaining()


def test_nothing_remains_when_the_attempt_must_give_way() -> None:
    """A loop that looks at it leaves."""
    ctx = context()
    ctx.cancel()

    assert (0.0, True) == (ctx.remaining(), ctx.cancelled)


def test_the_key_is_the_same_over_all_attempts() -> None:
    """So that the other side can tell a repetition."""
    assert context(attempt=1).idempotency_key == context(attempt=2).idempotency_key == "run-1/flush"


def test_the_logger_is_that_of_the_handler() -> None:
    """It can be silenced by name."""
    assert "processender.flush" == context().log.name


def test_what_is_registered_is_called_when_the_attempt_must_give_way() -> None:
    """In order."""
    ctx, called = context(), []
    ctx.on_cancel(lambda: called.append("one"))
    ctx.on_cancel(lambda: called.append("two"))
    ctx.cancel()

    assert ["one", "two"] == called


def test_what_is_registered_too_late_is_called_at_once() -> None:
    """It would else never be."""
    ctx, called = context(), []
    ctx.cancel()
    ctx.on_cancel(lambda: called.append("late"))

    assert ["late"] == called


def test_nothing_is_called_twice() -> None:
    """The engine may ask again."""
    ctx, called = context(), []
    ctx.on_cancel(lambda: called.append("one"))
    ctx.cancel()
    ctx.cancel()

    assert ["one"] == called


def test_what_raises_does_not_keep_the_others_from_being_called() -> None:
    """And is returned to be reported."""
    ctx, called, error = context(), [], ValueError("bad")

    def bad() -> None:
        raise error

    ctx.on_cancel(bad)
    ctx.on_cancel(lambda: called.append("two"))

    assert ([error], ["two"]) == (ctx.cancel(), called)


def test_giving_way_calls_nothing_itself() -> None:
    """It happens on the control thread, and what is to be called may block."""
    ctx, called = context(), []
    ctx.on_cancel(lambda: called.append("one"))

    assert (True, True, []) == (ctx.give_way(), ctx.cancelled, called)


def test_a_note_is_one_line_and_not_too_long() -> None:
    """It may hold what another server has said."""
    told: list[Noted] = []
    clock = VirtualClock()
    ctx = Context(
        handler="flush", cause="SIGTERM", run="run-1", attempt=1, until=10.0, clock=clock,
        dependencies=Dependencies(clock), is_async=False, tell=told.append,
    )  # fmt: skip
    ctx.note("answered\nforged " + "x" * 1000)

    assert ("answered\\nforged x", 500) == (told[0].text[:18], len(told[0].text))


def test_who_has_nothing_to_break_off_any_more_takes_it_back() -> None:
    """An attempt that asks again and again would else keep every connection that it has ever had."""
    ctx, called = context(), []
    forget = ctx.on_cancel(lambda: called.append("gone"))
    ctx.on_cancel(lambda: called.append("kept"))
    forget()
    forget()
    ctx.cancel()

    assert ["kept"] == called


def test_a_part_has_a_limit_of_its_own_and_is_the_whole_else() -> None:
    """Its notes, its breakers and its end are those of the attempt."""
    clock = VirtualClock()
    ctx = context(clock)
    part, longer = ctx.short(2.0), ctx.short(3600.0)
    lefts = (part.remaining(), longer.remaining(), part.short(60.0).remaining())
    called: list[str] = []
    part.on_cancel(lambda: called.append("part"))
    result = part.call("broker", lambda: 7)
    clock.advance(3.0)
    late = (part.remaining(), ctx.remaining())
    ctx.cancel()

    assert ((2.0, 10.0, 2.0), 7, (0.0, 7.0)) == (lefts, result, late)
    assert (["part"], True, "run-1/flush", 0.0) == (
        called, part.cancelled, part.idempotency_key, longer.remaining(),
    )  # fmt: skip
