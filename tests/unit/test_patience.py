"""Looking again and again: until it is there, until the time is up, or until the attempt must give way."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from processender import integrations
from processender.core.handler import Handler
from processender.engine.brief import BriefContext
from processender.errors import HandlerError, Permanent, Transient, Unreachable
from processender.integrations.redis import close_client
from processender.patience import check_wait, evidence, poll, poll_async, quiet, until_gone
from processender.testing.clock import VirtualClock

EVERY = 0.001


def context(clock: VirtualClock, seconds: float = 10.0) -> BriefContext:
    """Return the context of an attempt that has this long by *clock*."""
    return BriefContext(clock.now() + seconds, clock, handler="leave", cause="drain", key="run-1/leave")


class Look:
    """Looks that take a second each, and what they see."""

    def __init__(self, clock: VirtualClock, *seen: object, takes: float = 1.0) -> None:
        self.count = 0
        self._clock = clock
        self._seen = seen
        self._takes = takes

    def __call__(self) -> object | None:
        """Look once more."""
        self._clock.advance(self._takes)
        self.count += 1
        return self._seen[self.count - 1] if self.count <= len(self._seen) else None


def looked(clock: VirtualClock, look: Look, seconds: float = 10.0, limit: float | None = None) -> object | None:
    """Return what was seen by looking on a loop."""
    return asyncio.run(poll_async(context(clock, seconds), look, every=EVERY, wait=limit))


class TestPollAsync:
    def test_it_looks_until_something_is_there(self) -> None:
        """As the other does."""
        clock = VirtualClock()
        look = Look(clock, None, None, 0, "more")

        assert 0 == looked(clock, look)
        assert 3 == look.count

    @pytest.mark.parametrize(
        ("seconds", "limit", "looks"), [(3.5, None, 4), (100.0, 2.5, 3), (100.0, 0.0, 1), (0.0, 5.0, 0)]
    )
    def test_the_time_of_the_attempt_and_a_limit_bound_it(
        self, seconds: float, limit: float | None, looks: int
    ) -> None:
        """With 0 it looks once; without time, never."""
        clock = VirtualClock()
        look = Look(clock)

        assert looked(clock, look, seconds, limit) is None
        assert looks == look.count

    def test_it_blocks_no_loop(self) -> None:
        """What is looked for may be made by another task."""
        clock = VirtualClock()
        seen: list[str] = []

        async def both() -> object:
            waiting = asyncio.ensure_future(poll_async(context(clock), lambda: seen or None, every=EVERY))
            asyncio.get_running_loop().call_later(EVERY, seen.append, "there")
            return await waiting

        assert ["there"] == asyncio.run(both())


class TestPoll:
    def test_it_looks_until_something_is_there(self) -> None:
        """What was seen is returned, and nobody looks again."""
        clock = VirtualClock()
        look = Look(clock, None, None, "gone", "more")

        assert "gone" == poll(context(clock), look, every=EVERY)
        assert 3 == look.count

    @pytest.mark.parametrize("seen", [0, False, "", ()])
    def test_only_none_is_nothing(self, seen: object) -> None:
        """Zero connections is an answer."""
        clock = VirtualClock()

        assert seen == poll(context(clock), Look(clock, seen), every=EVERY)

    def test_the_time_of_the_attempt_bounds_it(self) -> None:
        """It never looks when nothing is left."""
        clock = VirtualClock()
        look = Look(clock)

        assert poll(context(clock, 3.5), look, every=EVERY) is None
        assert 4 == look.count

    def test_a_limit_of_its_own_bounds_it_before(self) -> None:
        """The looks count as well as the waits between them."""
        clock = VirtualClock()
        look = Look(clock)

        assert poll(context(clock), look, every=EVERY, wait=2.5) is None
        assert 3 == look.count

    def test_waits_count_although_the_end_of_the_attempt_was_moved(self) -> None:
        """A deadline that goes back as fast as the time must not make it endless."""
        clock = VirtualClock()
        look = Look(clock, takes=0.0)

        assert poll(context(clock), look, every=EVERY, wait=4.5 * EVERY) is None
        assert 6 == look.count

    def test_without_a_limit_worth_it_looks_once(self) -> None:
        """Nobody waits, but what is there is seen."""
        clock = VirtualClock()

        assert "gone" == poll(context(clock), Look(clock, "gone"), every=EVERY, wait=0.0)
        assert poll(context(clock), Look(clock, None, "gone"), every=EVERY, wait=0.0) is None

    def test_it_may_look_ever_more_seldom(self) -> None:
        """Twice as long each time, up to the slowest."""
        clock = VirtualClock()
        look = Look(clock, takes=0.0)

        assert poll(context(clock), look, every=EVERY, wait=10 * EVERY, slowest=4 * EVERY) is None
        assert 5 == look.count

    def test_an_attempt_without_time_does_not_look(self) -> None:
        """What must give way, gives way."""
        clock = VirtualClock()
        look = Look(clock, "gone")
        ctx = context(clock)
        ctx.cancel()

        assert poll(ctx, look, every=EVERY) is None
        assert 0 == look.count

    def test_it_comes_back_at_once_when_the_attempt_must_give_way(self) -> None:
        """It never sleeps deaf, however long the wait between two looks."""
        clock = VirtualClock()
        ctx = context(clock, 1e6)

        assert poll(ctx, ctx.cancel, every=1e5) is None

    def test_what_a_look_raises_is_passed_on(self) -> None:
        """A failure is no absence."""

        def look() -> None:
            raise OSError("gone wrong")

        with pytest.raises(OSError, match="gone wrong"):
            poll(context(VirtualClock()), look)


class Noting(BriefContext):
    """A context that keeps what is noted."""

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes = [*getattr(self, "notes", []), text]


def noting(clock: VirtualClock, seconds: float = 10.0) -> Noting:
    """Return the context of an attempt that has this long by *clock*, and keeps what is noted."""
    return Noting(clock.now() + seconds, clock, handler="leave", cause="drain", key="run-1/leave")


class TestEvidence:
    def test_what_was_seen_is_noted(self) -> None:
        """In the words of the look."""
        clock = VirtualClock()
        ctx = noting(clock)

        assert evidence(ctx, Look(clock, None, "0 connections"), "it is used", wait=5, every=EVERY)  # type: ignore[arg-type]
        assert ["0 connections"] == ctx.notes

    def test_what_was_not_seen_is_noted_and_no_failure(self) -> None:
        """A drain that never ends does not hold the end."""
        clock = VirtualClock()
        ctx = noting(clock)

        assert not evidence(ctx, Look(clock), "it is used", wait=3.5, every=EVERY)  # type: ignore[arg-type]
        assert ["it is used after 3.5 s, and it goes on"] == ctx.notes

    def test_a_tenth_of_the_attempt_is_left(self) -> None:
        """Or there would be no time to say anything."""
        clock = VirtualClock()
        ctx = noting(clock)
        evidence(ctx, Look(clock), "it is used", wait=60, every=EVERY)  # type: ignore[arg-type]

        assert ["it is used after 9.0 s, and it goes on"] == ctx.notes

    def test_a_look_that_fails_is_repeated_and_its_reason_told(self) -> None:
        """Nobody knows then, and that is said."""
        clock = VirtualClock()
        ctx = noting(clock)

        def look() -> str | None:
            clock.advance(1)
            raise Transient("no route")

        assert not evidence(ctx, look, "it is used", wait=2, every=EVERY)
        assert ["as far as can be told, it is used after 2.0 s, and it goes on: no route"] == ctx.notes

    def test_a_refusal_is_passed_on(self) -> None:
        """Another look would not change it."""

        def look() -> str | None:
            raise Permanent("forbidden")

        with pytest.raises(Permanent):
            evidence(noting(VirtualClock()), look, "it is used", wait=2)

    def test_an_attempt_that_gives_way_says_nothing(self) -> None:
        """Traffic may be on its way back."""
        ctx = noting(VirtualClock())

        assert not evidence(ctx, lambda: ctx.cancel(), "it is used", wait=2)  # noqa: PLW0108
        assert not hasattr(ctx, "notes")


class TestQuiet:
    def test_it_must_be_quiet_several_times_in_a_row(self) -> None:
        """One look may fall between two requests."""
        clock = VirtualClock()
        ctx = noting(clock)
        look = Look(clock, "1 request", "", "2 requests", "", "", "3 requests")

        assert quiet(ctx, look, "nothing is left", wait=9, every=EVERY)  # type: ignore[arg-type]
        assert (5, ["nothing is left"]) == (look.count, ctx.notes)

    @pytest.mark.parametrize(
        ("seen", "noted"),
        [
            (("", "2 requests"), "2 requests after 1.5 s"),
            (("1 request", ""), "not for certain: nothing is left after 1.5 s"),
        ],
    )
    def test_what_was_seen_last_is_told(self, seen: tuple[str, ...], noted: str) -> None:
        """Also that it was quiet, but not for long enough."""
        clock = VirtualClock()
        ctx = noting(clock)

        assert not quiet(ctx, Look(clock, *seen), "nothing is left", wait=1.5, every=EVERY)  # type: ignore[arg-type]
        assert [f"{noted}, and it goes on"] == ctx.notes

    def test_that_nobody_could_look_is_told(self) -> None:
        """With the reason."""
        clock = VirtualClock()
        ctx = noting(clock)

        def look() -> str:
            clock.advance(1)
            raise Unreachable("no route")

        assert not quiet(ctx, look, "nothing is left", wait=2, every=EVERY)
        assert ["as far as can be told, nothing could be seen after 2.0 s, and it goes on: no route"] == ctx.notes


class Ends:
    """Something that answers so many times after it was asked to end, and then is gone."""

    def __init__(self, clock: VirtualClock, more: int, *, there: bool = True) -> None:
        self.stopped = 0
        self._clock = clock
        self._more = more
        self._there = there

    def ask(self) -> None:
        """Answer, or be gone."""
        self._clock.advance(1)
        if not self._there:
            raise Unreachable("connection refused")
        if self.stopped:
            self._more -= 1
            self._there = self._more > 0

    def stop(self) -> None:
        """Begin to end."""
        self.stopped += 1


class TestUntilGone:
    def test_it_is_asked_to_end_and_waited_for(self) -> None:
        """As long as it answers."""
        clock = VirtualClock()
        ctx, it = noting(clock, 60), Ends(clock, 2)
        until_gone(ctx, it.ask, it.stop, "the proxy")

        assert (1, ["the proxy is gone"]) == (it.stopped, ctx.notes)

    def test_what_is_gone_is_not_asked(self) -> None:
        """Nobody is there who could answer."""
        clock = VirtualClock()
        ctx, it = noting(clock, 60), Ends(clock, 0, there=False)
        until_gone(ctx, it.ask, it.stop, "the proxy")

        assert (0, ["the proxy is gone"]) == (it.stopped, ctx.notes)

    def test_it_may_be_gone_before_it_has_answered(self) -> None:
        """That is what was asked for."""
        clock = VirtualClock()
        ctx, it = noting(clock, 60), Ends(clock, 1)

        def stop() -> None:
            it.stop()
            raise Unreachable("hung up")

        until_gone(ctx, it.ask, stop, "the proxy")
        assert ["the proxy is gone"] == ctx.notes

    def test_a_bad_answer_is_an_answer(self) -> None:
        """What says that it has a bad day is there."""
        clock = VirtualClock()
        ctx, it = noting(clock, 3), Ends(clock, 99)

        def refuse() -> None:
            clock.advance(1)
            raise Transient("answered with 503")

        with pytest.raises(Transient, match="503"):
            until_gone(ctx, it.ask, refuse, "the proxy")
        assert not hasattr(ctx, "notes")

    def test_a_look_that_is_broken_off_is_no_evidence(self) -> None:
        """An attempt that gives way shuts its own connection."""
        ctx = noting(VirtualClock())

        def ask() -> None:
            ctx.cancel()
            raise Unreachable("hung up")

        until_gone(ctx, ask, lambda: None, "the proxy")
        assert not hasattr(ctx, "notes")


class Anything:
    """What has every attribute."""

    def __getattr__(self, name: str) -> int:
        return 0


def room_functions() -> list[Callable[..., Handler]]:
    """Return every function of a room that takes both a wait and a time-out."""
    found = []
    for file in sorted(Path(integrations.__file__).parent.rglob("*.py")):
        if re.search(r"^    wait: float|, wait: float", file.read_text(encoding="utf-8"), re.MULTILINE):
            name = ".".join(file.relative_to(Path(integrations.__file__).parent).with_suffix("").parts)
            room = import_module(f"processender.integrations.{name}")
            each = [value for value in vars(room).values() if getattr(value, "__module__", "") == room.__name__]
            found += [value for value in each if {"wait", "timeout"} <= taken_by(value)]
    return found


def taken_by(value: object) -> set[str]:
    """Return the names of what *value* takes, if it is a public function."""
    public = callable(value) and not getattr(value, "__name__", "_").startswith("_")
    if not public or isinstance(value, type) or "close_when_idle(" in inspect.getsource(value):
        # What shares its closing shares the check as well.
        return set()
    return set(inspect.signature(value).parameters)


@pytest.mark.parametrize(
    "function", room_functions(), ids=lambda function: f"{function.__module__}:{function.__name__}"
)
def test_a_wait_longer_than_the_time_out_is_refused_by_all(function: Callable[..., Handler]) -> None:
    """Who writes it expects a wait that never comes; nothing else is looked at before."""
    lacking = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    given = {each.name: Anything() for each in lacking if each.kind is each.KEYWORD_ONLY}
    plain = [Anything() for each in lacking if each.kind is not each.KEYWORD_ONLY]
    with pytest.raises(HandlerError, match=r"cannot wait with wait=77\.0 and timeout=7\.0: it would be cut off"):
        function(*plain, wait=77.0, timeout=7.0, **given)


def test_a_wait_for_what_is_in_use_is_no_longer_than_the_time_out_either() -> None:
    """It is one function for all pools and clients."""
    with pytest.raises(HandlerError, match=r"cannot wait with wait=9\.0 and timeout=7\.0"):
        close_client(Anything(), wait=9.0, timeout=7.0)


def test_the_usual_wait_is_cut_without_a_word() -> None:
    """Who says only how long all may take has not said anything about it."""
    check_wait("wait", 10.0, 10.0, 7.0)
    check_wait("wait", 10.0, 5.0, None)
