"""Work in progress that the end waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import anyio.to_thread
import pytest

from processender.core.events import Event, HandlerStuck, Trouble, Waiting, WorkCut
from processender.engine import inflight
from processender.engine.context import Context
from processender.engine.dependencies import Dependencies
from processender.engine.inflight import InFlight, Token
from processender.testing.clock import VirtualClock

LIMIT = 10.0


class Home:
    """The work of one Ender."""

    def __init__(self, **limits: float) -> None:
        """Have none, and let each kind take as long as *limits* says."""
        self.clock = clock = VirtualClock()
        self.said: list[Event] = []
        self.spoken = threading.Event()
        self.when_said: Callable[[], object] = lambda: None
        self.inflight = InFlight(clock, self.tell, limits)
        self.context = Context(
            handler="in-flight", cause="SIGTERM", run="r", attempt=1, until=10.0, clock=clock,
            dependencies=Dependencies(clock), is_async=False,
        )  # fmt: skip
        self.error: BaseException | None = None

    def tell(self, event: Event) -> None:
        """Keep what is said."""
        self.said.append(event)
        self.spoken.set()
        then, self.when_said = self.when_said, lambda: None
        then()

    def begin(self, what: str) -> Token:
        """Begin a piece of work."""
        token = Token(self.inflight, what)
        token.__enter__()
        return token

    def wait_on_a_thread(self) -> threading.Thread:
        """Wait as the handler does, until it has said what for."""

        def wait() -> None:
            try:
                self.inflight(self.context)
            except TimeoutError as error:
                self.error = error

        thread = threading.Thread(target=wait)
        thread.start()
        self.spoken.wait(LIMIT)
        return thread


def test_work_is_named_the_oldest_first() -> None:
    """In its own words."""
    home = Home()
    home.begin("one")
    home.begin("two")

    assert ["one", "two"] == home.inflight.labels()


def test_work_that_has_ended_is_not_named() -> None:
    """Leaving the block ends it."""
    home = Home()
    with Token(home.inflight, "one"):
        pass

    assert [] == home.inflight.labels()


def test_work_that_raises_has_ended() -> None:
    """However it is left."""
    home = Home()
    with pytest.raises(ValueError, match="bad"), Token(home.inflight, "one"):
        raise ValueError("bad")

    assert [] == home.inflight.labels()


def test_work_may_be_async() -> None:
    """The same block with `async with`."""
    home = Home()

    async def main() -> list[str]:
        async with Token(home.inflight, "one"):
            return home.inflight.labels()

    assert (["one"], []) == (asyncio.run(main()), home.inflight.labels())


def test_two_of_one_name_are_two() -> None:
    """The first that ends does not end the other."""
    home = Home()
    first = home.begin("order")
    home.begin("order")
    first.__exit__(None, None, None)

    assert ["order"] == home.inflight.labels()


def test_without_work_nobody_waits() -> None:
    """And nothing is said."""
    home = Home()
    home.inflight(home.context)

    assert [] == home.said


def test_it_says_what_it_waits_for() -> None:
    """In the words of the work."""
    home = Home()
    token = home.begin("order 7")
    thread = home.wait_on_a_thread()
    token.__exit__(None, None, None)
    thread.join(LIMIT)

    assert (Waiting(0.0, ("order 7",)), None) == (home.said[0], home.error)


def test_who_must_give_way_names_what_was_left() -> None:
    """The report shows it."""
    home = Home()
    home.begin("order 7")
    thread = home.wait_on_a_thread()
    home.context.cancel()
    thread.join(LIMIT)

    assert "still in flight: order 7" == str(home.error)


def test_a_fork_child_has_no_work_in_progress() -> None:
    """It is the parent's."""
    home = Home()
    home.begin("one")
    home.inflight.reset()

    assert [] == home.inflight.labels()


def test_what_never_ends_by_itself_is_cut_at_once() -> None:
    """A websocket has no last message, and a stream of events none either."""
    home = Home()
    tokens = [Token(home.inflight, kind, kind) for kind in ("websocket", "events")]
    for token in tokens:
        token.cut = token.end
        token.begin()
    home.inflight(home.context)

    assert [
        WorkCut(0.0, (kind,), f"the limit of {kind}, 0 s, is over") for kind in ("websocket", "events")
    ] == home.said[:2]


def test_a_kind_may_take_its_time() -> None:
    """Without a limit of its own nothing is cut before all time is over."""
    home = Home(websocket=5.0)
    token = Token(home.inflight, "GET /feed", "websocket", lambda: None)
    token.begin()
    thread = home.wait_on_a_thread()
    token.end()
    thread.join(LIMIT)

    assert [Waiting(0.0, ("GET /feed",))] == home.said[:1]


def test_all_that_is_left_is_cut_when_the_time_is_over() -> None:
    """And is named, although it ends then."""
    home = Home()
    token = Token(home.inflight, "GET /report", "request")
    token.cut = token.end
    token.begin()
    thread = home.wait_on_a_thread()
    home.context.cancel()
    thread.join(LIMIT)

    assert (WorkCut(0.0, ("GET /report",), "the time is over"), "cut: GET /report") == (home.said[1], str(home.error))


def test_what_is_cut_has_a_part_of_the_time_to_end() -> None:
    """It is cut before the time of the handler is over, and waited for until then."""
    home = Home(other=0.001)
    token = Token(home.inflight, "GET /report", "request")
    token.cut = token.end
    token.begin()
    # While it waits, time passes.
    home.when_said = lambda: home.clock.advance(9.5)
    with pytest.raises(TimeoutError, match="cut: GET /report"):
        home.inflight(home.context)

    assert WorkCut(9.5, ("GET /report",), "the time is over") == home.said[1]


def test_what_is_cut_at_once_is_cut_once() -> None:
    """A server that stops would tell its client less; whoever waits afterwards cuts it no more."""
    home, cuts = Home(), []
    socket, request = (Token(home.inflight, kind, kind) for kind in ("websocket", "request"))
    socket.cut = lambda: (cuts.append("websocket"), socket.end())
    for token in (socket, request):
        token.begin()
    home.inflight.cut_at_once()
    home.inflight.cut_at_once()
    request.end()
    home.inflight(home.context)

    assert ["websocket"] == cuts


@pytest.mark.parametrize("at_it", [True, False], ids=["who-is-at-it", "what-was-cut"])
def test_who_cuts_at_once_waits(at_it: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is asked to stop afterwards: in between, it would close websockets in its own way."""
    monkeypatch.setattr(inflight, "MOMENTS", 1000)
    home, order = Home(), []
    began, go = threading.Event(), threading.Event()
    socket = Token(home.inflight, "websocket", "websocket")

    def close() -> None:
        began.set()
        go.wait(LIMIT)
        order.append("closed")
        socket.end()

    closing = threading.Thread(target=close)
    socket.cut = close if at_it else closing.start
    socket.begin()
    waiting = home.wait_on_a_thread()
    began.wait(LIMIT)
    asking = threading.Thread(target=lambda: (home.inflight.cut_at_once(), order.append("asked")))
    asking.start()
    asking.join(0.05)
    go.set()
    for thread in (asking, waiting):
        thread.join(LIMIT)

    assert ["closed", "asked"] == order


def test_what_cannot_be_cut_keeps_no_other_from_it() -> None:
    """It is reported."""
    home = Home()
    bad, good = (Token(home.inflight, name, "websocket") for name in ("bad", "good"))
    bad.cut, good.cut = lambda: (bad.end(), 1 / 0), good.end
    bad.begin()
    good.begin()
    home.inflight(home.context)

    assert (Trouble(0.0, "cut-failed", "bad cannot be broken off: ZeroDivisionError: division by zero"), []) == (
        home.said[1],
        home.inflight.labels(),
    )


def test_words_are_made_when_they_are_asked_for() -> None:
    """A request costs no text."""

    class Request:
        def __str__(self) -> str:
            return "GET /late"

    home = Home()
    with Token(home.inflight, Request()):
        assert ["GET /late"] == home.inflight.labels()


def test_very_many_are_counted_and_a_few_named() -> None:
    """In events, in the error and in the report; each on one line, whatever its client has called it."""
    home = Home()
    tokens = [Token(home.inflight, "GET /\nforged", "websocket") for _ in range(3000)]
    for token in tokens:
        token.cut = token.end
        token.begin()
    named = home.inflight.labels()
    home.inflight(home.context)

    label = "GET /\\nforged"
    assert [label] * 100 + ["and 2900 more"] == named
    assert WorkCut(0.0, (label,) * 100, "the limit of websocket, 0 s, is over", 2900) == home.said[0]


def test_what_was_cut_and_stays_is_given_up_while_its_server_can_still_leave() -> None:
    """Half of the last part of the time is the server's: nobody has asked the handler to give way yet."""
    home = Home()
    deaf = Token(home.inflight, "GET /deaf", "request", lambda: None)
    deaf.begin()
    # Cut 9.25 s after the beginning, for the last part is one second; and then half of it passes.
    home.when_said = lambda: setattr(home, "when_said", lambda: home.clock.advance(0.5)) or home.clock.advance(9.25)
    with pytest.raises(TimeoutError, match="still in flight: GET /deaf"):
        home.inflight(home.context)

    assert (9.75, False) == (home.clock.now(), home.context.cancelled)


def test_what_begins_when_something_is_cut_is_cut_as_well() -> None:
    """A websocket that was closed leaves its application behind."""
    home = Home()
    left = Token(home.inflight, "application", "background")
    left.cut = left.end
    request = Token(home.inflight, "GET /", "request", lambda: (left.begin(), request.end()))
    request.begin()
    home.when_said = lambda: home.clock.advance(9.25)
    with pytest.raises(TimeoutError, match="cut: GET /, application"):
        home.inflight(home.context)

    assert [] == home.inflight.labels()


def test_what_cannot_be_cut_has_all_the_time() -> None:
    """No server waits for it."""
    home = Home()
    order = home.begin("order 7")
    home.when_said = lambda: home.clock.advance(9.75)
    thread = home.wait_on_a_thread()
    order.end()
    thread.join(LIMIT)

    assert home.error is None


@pytest.mark.parametrize("bad", ["raises", "exits", "blocks"])
def test_what_cannot_be_cut_keeps_nothing_else_from_being_cut(bad: str) -> None:
    """It is told of, or left behind."""
    home, free = Home(), threading.Event()

    def cut() -> None:
        if bad == "blocks":
            free.wait(LIMIT)
        raise (SystemExit if bad == "exits" else ValueError)(bad)

    first, second = Token(home.inflight, "first", "websocket", cut), Token(home.inflight, "second", "websocket")
    second.cut = second.end
    first.begin()
    second.begin()
    home.inflight.cut_at_once()
    found = home.inflight.labels(), home.inflight._cutting
    troubles = [each.text.partition(":")[0] for each in home.said if isinstance(each, Trouble)]
    free.set()

    told = [] if bad == "blocks" else ["first cannot be broken off"]
    assert ((["first"], 0), told) == (found, troubles)


def test_work_that_is_stuck_is_shown_with_the_stack_of_its_thread() -> None:
    """That on which it has begun; what stands at one place is told once."""
    home = Home()
    begun, go = threading.Event(), threading.Event()

    def stuck_in_a_view() -> None:
        with Token(home.inflight, "GET /report\n"), Token(home.inflight, "render"):
            begun.set()
            go.wait(LIMIT)

    thread = threading.Thread(target=stuck_in_a_view)
    thread.start()
    begun.wait(LIMIT)
    shown = home.inflight.stack()
    go.set()
    thread.join(LIMIT)

    assert "GET /report\\n, render:" == shown.splitlines()[0]
    assert "in test_work_that_is_stuck_is_shown_with_the_stack_of_its_thread.<locals>.stuck_in_a_view" in shown


def test_work_of_a_task_is_shown_with_what_the_task_awaits() -> None:
    """And where it waits for a thread, as for a sync endpoint, with the stack of that."""
    home = Home()
    begun, go = threading.Event(), threading.Event()

    def blocks() -> None:
        begun.set()
        go.wait(LIMIT)

    async def endpoint() -> None:
        async with Token(home.inflight, "POST /o"):
            await anyio.to_thread.run_sync(blocks)

    async def main() -> str:
        task = asyncio.create_task(endpoint())
        await asyncio.to_thread(begun.wait, LIMIT)
        shown = home.inflight.stack()
        go.set()
        await task
        return shown

    shown = asyncio.run(main())

    assert "POST /o:" == shown.splitlines()[0]
    assert shown.index("<locals>.endpoint") < shown.index("on the thread ") < shown.index("<locals>.blocks")


def test_work_that_cannot_be_found_does_not_hide_the_others() -> None:
    """It may be an object of somebody else."""

    class Broken:
        what, kind, was_cut, cut = "broken", "request", False, None

        @property
        def task(self) -> None:
            raise RuntimeError("no")

    home = Home()
    home.inflight.live[1] = Broken()  # type: ignore[assignment]
    with Token(home.inflight, "fine"):
        shown = home.inflight.stack()

    assert ["broken:", "  no stack: RuntimeError: no", "fine:"] == shown.splitlines()[:3]


def test_work_that_is_cut_because_all_time_is_over_is_shown_where_it_stands_once() -> None:
    """Before it is cut: a task that gives way may leave the thread behind on which it was stuck."""
    home = Home(other=0.001)
    token = Token(home.inflight, "GET /report", "request")
    token.cut = token.end
    token.begin()
    home.when_said = lambda: home.clock.advance(9.5)
    with pytest.raises(TimeoutError, match="cut: GET /report"):
        home.inflight(home.context)

    (stuck,) = [each for each in home.said if isinstance(each, HandlerStuck)]
    assert ("in-flight", "GET /report:") == (stuck.handler, stuck.stack.splitlines()[0])
    assert "in test_work_that_is_cut_because_all_time_is_over_is_shown_where_it_stands_once" in stuck.stack
