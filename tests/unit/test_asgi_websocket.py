"""The ASGI middleware against a server that is driven by hand: websockets, and what becomes of them when they are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from processender.integrations.asgi import EnderMiddleware
from tests.unit.serving import FakeEnder

ACCEPT = {"type": "websocket.accept"}
GOING_AWAY = {"type": "websocket.disconnect", "code": 1001, "reason": "the service is ending"}


class Peer:
    """A websocket from the side of the server, whose client says nothing."""

    def __init__(self, app: Any, ender: FakeEnder, *, denies: bool = True) -> None:
        """Take what is called; *denies* tells whether the server can answer a handshake with a status."""
        self.ender = ender
        extensions = {"websocket.http.response": {}} if denies else {}
        self.scope = {"type": "websocket", "path": "/chat", "extensions": extensions}
        self.sent: list[dict[str, Any]] = []
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.inbox.put_nowait({"type": "websocket.connect"})
        self.reads = True
        self.task = asyncio.create_task(EnderMiddleware(app, ender)(self.scope, self.inbox.get, self.send))

    async def send(self, message: dict[str, Any]) -> None:
        """Take what the application sends, unless the client does not read."""
        if not self.reads:
            await asyncio.get_running_loop().create_future()
        self.sent.append(message)

    def cut(self) -> None:
        """Cut it as the engine does."""
        self.ender.cut()

    async def over(self) -> list[tuple[str, Any]]:
        """Wait until the call is over; return what the client got behind the acceptance."""
        await asyncio.wait([self.task])
        return [(each["type"].removeprefix("websocket."), each.get("code", each.get("status"))) for each in self.sent]


class App:
    """An application that remembers what it received, and waits where a test wants it."""

    def __init__(self, *, accepts: bool = True, then: Callable[[Any, Any], Awaitable[None]] | None = None) -> None:
        """Accept if it *accepts*; then do *then*."""
        self.accepts = accepts
        self.then = then
        self.there = asyncio.Event()
        self.received: list[dict[str, Any]] = []
        self.error: BaseException | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hold the conversation."""
        await receive()
        if self.accepts:
            await send(ACCEPT)
        self.there.set()
        try:
            if self.then is not None:
                await self.then(receive, send)
            else:
                self.received.append(await receive())
        except BaseException as error:
            self.error = error
            raise


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run *test* on a loop, and no longer than it may take if something hangs."""

    async def main() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(main())


async def settle() -> None:
    """Let everything go on that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_websocket_is_in_flight_until_its_call_returns() -> None:
    """Its name is its path."""

    async def test() -> None:
        ender, app = FakeEnder(), App()
        peer = Peer(app, ender)
        await app.there.wait()
        seen = ender.flying
        peer.inbox.put_nowait({"type": "websocket.receive", "text": "hello"})
        await peer.over()

        assert [("websocket", "websocket /chat")] == seen
        assert {} == ender.live
        assert [{"type": "websocket.receive", "text": "hello"}] == app.received

    run(test)


def test_a_websocket_that_is_cut_in_receive_goes_away_on_both_sides() -> None:
    """The client gets close code 1001; the application a disconnect, and never a cancellation."""

    async def test() -> None:
        ender, app = FakeEnder(), App()
        peer = Peer(app, ender)
        await app.there.wait()
        await settle()
        peer.cut()

        assert [("accept", None), ("close", 1001)] == await peer.over()
        assert [GOING_AWAY] == app.received
        assert app.error is None
        assert {} == ender.live
        assert not peer.task.cancelled()

    run(test)


def test_every_task_of_the_application_that_receives_is_woken() -> None:
    """A reader of its own, as many applications have."""

    async def test() -> None:
        async def then(receive: Any, send: Any) -> None:
            app.received.append(await asyncio.create_task(receive()))
            app.received.append(await receive())

        ender, app = FakeEnder(), App()
        app.then = then
        peer = Peer(app, ender)
        await app.there.wait()
        await settle()
        peer.cut()
        await peer.over()

        assert [GOING_AWAY, GOING_AWAY] == app.received

    run(test)


def test_a_websocket_that_is_cut_before_it_is_accepted_is_denied() -> None:
    """With 503 where the server can, or by a close, which servers turn into 403; to accept is too late then."""

    async def test() -> None:
        for denies, expected in (
            (True, [("http.response.start", 503), ("http.response.body", None)]),
            (False, [("close", 1001)]),
        ):
            go_on = asyncio.Event()

            async def then(receive: Any, send: Any, go_on: asyncio.Event = go_on) -> None:
                await go_on.wait()
                await send(ACCEPT)

            ender, app = FakeEnder(), App(accepts=False, then=then)
            peer = Peer(app, ender, denies=denies)
            await app.there.wait()
            peer.cut()
            await settle()
            go_on.set()

            assert expected == await peer.over()
            assert isinstance(app.error, OSError)
            assert peer.task.exception() is None

    run(test)


def test_a_websocket_that_is_cut_in_the_middle_of_its_acceptance_is_closed() -> None:
    """The application sees an `OSError` where it sends, as of any connection that is gone."""

    async def test() -> None:
        ender, app = FakeEnder(), App()
        peer = Peer(app, ender)
        peer.reads = False
        await settle()
        peer.reads = True
        peer.cut()

        assert [("close", 1001)] == await peer.over()
        assert {} == ender.live
        assert peer.task.exception() is None

    run(test)


def test_an_application_that_only_sends_learns_of_the_cut() -> None:
    """By an `OSError`, once; closing, which is what many do then, is no error."""

    async def test() -> None:
        async def then(receive: Any, send: Any) -> None:
            try:
                while True:
                    await send({"type": "websocket.send", "text": "tick"})
                    await asyncio.sleep(0)
            finally:
                await send({"type": "websocket.close"})

        ender, app = FakeEnder(), App(then=then)
        peer = Peer(app, ender)
        await app.there.wait()
        peer.cut()
        got = await peer.over()

        assert ("close", 1001) == got[-1]
        assert 1 == sum(kind == "close" for kind, _ in got)
        assert isinstance(app.error, OSError)

    run(test)


def test_what_an_application_does_after_the_cut_is_background_work_that_can_be_cut() -> None:
    """It is in flight without a gap; when that is over too, its task is cancelled."""

    async def test() -> None:
        async def then(receive: Any, send: Any) -> None:
            await receive()
            await asyncio.get_running_loop().create_future()

        ender, app = FakeEnder(), App(then=then)
        peer = Peer(app, ender)
        await app.there.wait()
        await settle()
        peer.cut()
        await settle()
        seen = ender.flying
        peer.cut()
        await peer.over()

        assert [("background", "websocket /chat")] == seen
        assert isinstance(app.error, asyncio.CancelledError)
        assert not peer.task.cancelled()
        assert {} == ender.live

    run(test)


def test_a_client_that_never_reads_does_not_hold_up_the_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is told on leaving is bounded."""
    monkeypatch.setattr("processender.farewell.FAREWELL_S", 0.01)

    async def test() -> None:
        async def then(receive: Any, send: Any) -> None:
            peer.reads = False
            await send({"type": "websocket.send", "text": "never read"})

        ender, app = FakeEnder(), App(then=then)
        peer = Peer(app, ender)
        await app.there.wait()
        await settle()
        peer.cut()
        await peer.over()

        assert isinstance(app.error, OSError)
        assert {} == ender.live

    run(test)


def test_a_websocket_that_the_client_has_left_is_not_closed_again() -> None:
    """The application is still at work then, and is told nothing new."""

    async def test() -> None:
        go_on = asyncio.Event()

        async def then(receive: Any, send: Any) -> None:
            app.received.append(await receive())
            await go_on.wait()

        ender, app = FakeEnder(), App(then=then)
        peer = Peer(app, ender)
        peer.inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await app.there.wait()
        await settle()
        peer.cut()
        await settle()
        go_on.set()

        assert [("accept", None)] == await peer.over()

    run(test)


def test_a_foreign_cancellation_in_receive_passes() -> None:
    """The server's own, also when it comes together with the cut."""

    async def test() -> None:
        for also_cut in (False, True):
            ender, app = FakeEnder(), App()
            peer = Peer(app, ender)
            await app.there.wait()
            await settle()
            if also_cut:
                peer.cut()
            peer.task.cancel()
            await asyncio.wait([peer.task])

            assert peer.task.cancelled()
            assert {} == ender.live

    run(test)
