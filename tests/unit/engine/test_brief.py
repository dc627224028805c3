"""The context of a call that is no attempt of the engine's."""

from __future__ import annotations

from processender.engine.brief import BriefContext
from processender.engine.clock import SystemClock

LONG_S = 3600.0


def a_call(seconds: float = LONG_S) -> BriefContext:
    """Return the context of a call that has *seconds*."""
    clock = SystemClock()
    return BriefContext(clock.now() + seconds, clock, handler="check.web", cause="check", key="check.web/1", attempt=2)


def test_a_part_is_known_by_the_key_of_the_whole_and_its_own() -> None:
    """The other side can tell the parts of one call from each other, and from those of the next."""
    part = BriefContext.part_of(a_call(), "until", 0.0, SystemClock())

    assert ("check.web", "check", 2, "check.web/1/until") == (
        part.handler, part.cause, part.attempt, part.idempotency_key,
    )  # fmt: skip


def test_nothing_is_left_behind_the_deadline() -> None:
    """What is left never falls below nothing."""
    assert 0.0 == a_call(-1.0).remaining()


def test_who_must_give_way_has_no_time_left() -> None:
    """A call that looks at its time alone ends too when it must give way."""
    ctx = a_call()
    before = ctx.remaining()
    ctx.cancel()

    assert (True, 0.0) == (before > 0.0, ctx.remaining())


def test_what_is_to_be_called_at_the_end_is_called_once_or_at_once() -> None:
    """Functions from before are called by the first `cancel`, and one that comes later when it comes."""
    ctx, called = a_call(), []
    ctx.on_cancel(lambda: called.append("early"))
    ctx.cancel()
    ctx.cancel()
    ctx.on_cancel(lambda: called.append("late"))

    assert ["early", "late"] == called


def test_a_short_part_has_less_time_and_gives_way_with_the_whole() -> None:
    """A part that was given a limit keeps it, and ends when the whole must."""
    ctx = a_call()
    part = ctx.short(1.0)
    limit = part.remaining()
    ctx.cancel()

    assert (True, True) == (limit <= 1.0, part.cancelled)


def test_a_short_part_never_has_more_time_than_the_whole() -> None:
    """The limit of a part is no way around that of the whole."""
    assert a_call(1.0).short(LONG_S).remaining() <= 1.0


def test_who_must_give_way_does_not_pause() -> None:
    """A pause of an hour ends when the call must give way, and is none when it must already."""
    ctx = a_call()
    ctx.cancel()
    ctx.pause(LONG_S)

    assert ctx.cancelled
