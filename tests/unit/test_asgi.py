"""The ASGI middleware against a server that is driven by hand: requests, paths, and the lifespan."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from processender.errors import HandlerError, StateError
from processender.integrations.asgi import EnderMiddleware
from tests.unit.serving import FakeEnder

TEXT = [(b"content-type", b"text/plain")]
EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8")]


class Server:
    """One call of an application, from the side of the server."""

    def __init__(self, app: Any, path: str = "/work", *, method: str = "GET", **more: Any) -> None:
        """Take what is called and for what."""
        self.app = app
        self.scope = {"type": "http", "path": path, "method": method, "http_version": "1.1", "headers": [], **more}
        self.sent: list[dict[str, Any]] = []
        self.reads = True
        self.stops_at = 0
        self.there, self.go_on = asyncio.Event(), asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        """Give the request, which has no body."""
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: dict[str, Any]) -> None:
        """Take what the application sends, unless the client does not read."""
        if not self.reads:
            await asyncio.get_running_loop().create_future()
        self.sent.append(message)
        if len(self.sent) == self.stops_at:
            self.there.set()
            await self.go_on.wait()

    async def call(self) -> Server:
        """Let the application answer."""
        await self.app(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        """The status of the answer."""
        status: int = self.sent[0]["status"]
        return status

    @property
    def fields(self) -> dict[bytes, bytes]:
        """The header fields of the answer."""
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        """The body, as far as it was sent."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def whole(self) -> bool:
        """Whether the answer was ended."""
        return len(self.sent) > 1 and not self.sent[-1].get("more_body")


class App:
    """An application that stops where a test wants to look."""

    def __init__(self, *messages: dict[str, Any], after: bool = False) -> None:
        """Send *messages* and wait there; *after* tells that it is done then."""
        self.messages = messages
        self.there = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = False
        self.returns = after

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, and wait."""
        for message in self.messages:
            await send(message)
        self.there.set()
        try:
            if not self.returns:
                await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def start(headers: list[tuple[bytes, bytes]] = TEXT) -> dict[str, Any]:
    """Return the start of an answer."""
    return {"type": "http.response.start", "status": 200, "headers": headers}


def part(*, more: bool) -> dict[str, Any]:
    """Return a part of a body."""
    return {"type": "http.response.body", "body": b"part", "more_body": more}


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run *test* on a loop, and no longer than it may take if something hangs."""

    async def main() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(main())


async def in_the_middle(ender: FakeEnder, *messages: dict[str, Any]) -> tuple[App, Server, asyncio.Task[Server]]:
    """Return an application that has sent *messages* and has not returned, its server, and the task of the call."""
    app = App(*messages)
    server = Server(EnderMiddleware(app, ender))
    task = asyncio.create_task(server.call())
    await app.there.wait()
    return app, server, task


KINDS = [
    ((), "request"),
    ((start(),), "request"),
    ((start(EVENTS),), "events"),
    ((start(), part(more=True)), "stream"),
    ((start(EVENTS), part(more=True)), "events"),
    ((start(), part(more=False)), "background"),
    ((start(EVENTS), part(more=True), part(more=False)), "background"),
    ((start(), {"type": "http.response.pathsend", "path": "/x"}), "background"),
]


@pytest.mark.parametrize(("messages", "kind"), KINDS, ids=[f"{kind}-{len(said)}" for said, kind in KINDS])
def test_a_call_is_in_flight_until_it_returns_under_the_kind_that_it_is(messages: Any, kind: str) -> None:
    """What an application does after the last part of its answer counts too, as `background`."""

    async def test() -> None:
        ender = FakeEnder()
        app, _, task = await in_the_middle(ender, *messages)
        seen = ender.flying
        app.go_on.set()
        await task

        assert [(kind, "background of GET /work" if kind == "background" else "GET /work")] == seen
        assert {} == ender.live

    run(test)


def test_the_name_of_a_request_has_no_query() -> None:
    """A query may hold what no report should."""

    async def test() -> None:
        ender, names = FakeEnder(), []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            names.extend(ender.flying)

        await Server(EnderMiddleware(app, ender), query_string=b"k=secret").call()

        assert [("request", "GET /work")] == names

    run(test)


def test_an_answer_whose_last_part_is_still_on_its_way_is_no_background_work() -> None:
    """Its client may be slow; the application is done with it only when the server is."""

    async def test() -> None:
        ender = FakeEnder()
        app = App(start(), part(more=True), part(more=False))
        server = Server(EnderMiddleware(app, ender))
        server.stops_at = 3
        task = asyncio.create_task(server.call())
        await server.there.wait()
        on_its_way = ender.flying
        server.go_on.set()
        await app.there.wait()
        done = ender.flying
        app.go_on.set()
        await task

        assert [("request", "GET /work"), ("background", "background of GET /work")] == [*on_its_way, *done]

    run(test)


def test_what_the_application_raises_reaches_the_server() -> None:
    """And the request is in flight no longer."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("no such luck")

    async def test() -> None:
        ender = FakeEnder()
        with pytest.raises(ValueError, match="no such luck"):
            await Server(EnderMiddleware(broken, ender)).call()

        assert {} == ender.live

    run(test)


def test_a_plain_answer_passes_unchanged() -> None:
    """The very same messages, as long as no traffic is left."""

    async def test() -> None:
        messages = [start(), part(more=False)]
        server = await Server(EnderMiddleware(App(*messages, after=True), FakeEnder())).call()

        assert all(sent is said for sent, said in zip(server.sent, messages, strict=True))

    run(test)


@pytest.mark.parametrize(("version", "expected"), [("1.1", b"close"), ("1.0", b"close"), ("2", None), ("3", None)])
def test_answers_close_the_connection_while_traffic_is_left(version: str, expected: bytes | None) -> None:
    """HTTP/1 only; the application's own field is replaced, and its list is left alone."""

    async def test() -> None:
        ender = FakeEnder()
        ender.draining = True
        own = [*TEXT, (b"connection", b"keep-alive")] if expected else TEXT
        app = App(start(own), part(more=False), after=True)
        server = await Server(EnderMiddleware(app, ender), http_version=version).call()

        assert expected == server.fields.get(b"connection")
        assert not expected or (b"connection", b"keep-alive") in own

    run(test)


def test_a_request_that_is_cut_before_its_answer_is_told_to_go_elsewhere() -> None:
    """Its application is cancelled; the client gets 503 on a connection that closes, and the server no exception."""

    async def test() -> None:
        ender = FakeEnder()
        app, server, task = await in_the_middle(ender)
        ender.cut()
        await task

        assert app.cancelled
        assert (503, b"close", b"1", True) == (
            server.status, server.fields[b"connection"], server.fields[b"retry-after"], server.whole,
        )  # fmt: skip
        assert {} == ender.live

    run(test)


def test_an_answer_that_is_cut_in_the_middle_stays_incomplete() -> None:
    """The cancellation reaches the server, which breaks off the connection: nobody takes the half for the whole."""

    async def test() -> None:
        ender = FakeEnder()
        app, server, task = await in_the_middle(ender, start(), part(more=True))
        ender.cut()
        await asyncio.wait([task])

        assert app.cancelled
        assert task.cancelled()
        assert not server.whole

    run(test)


def test_server_sent_events_that_are_cut_end_in_order() -> None:
    """Their client comes back by itself, to another process."""

    async def test() -> None:
        ender = FakeEnder()
        app, server, task = await in_the_middle(ender, start(EVENTS), part(more=True))
        ender.cut()
        await task

        assert app.cancelled
        assert server.whole

    run(test)


def test_background_work_that_is_cut_does_not_touch_the_answer() -> None:
    """Nothing is sent behind it and nothing raised, for the connection may serve the next request already."""

    async def test() -> None:
        ender = FakeEnder()
        app, server, task = await in_the_middle(ender, start(), part(more=False))
        ender.cut()
        await task

        assert app.cancelled
        assert 2 == len(server.sent)

    run(test)


def test_a_client_that_never_reads_does_not_hold_up_the_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is told on leaving is bounded; then the server breaks off the connection."""
    monkeypatch.setattr("processender.farewell.FAREWELL_S", 0.01)

    async def test() -> None:
        ender = FakeEnder()
        _, server, task = await in_the_middle(ender, start(EVENTS), part(more=True))
        server.reads = False
        ender.cut()
        await asyncio.wait([task])

        assert task.cancelled()
        assert {} == ender.live

    run(test)


def test_a_foreign_cancellation_passes() -> None:
    """The server's own, with which the cut has nothing to do."""

    async def test() -> None:
        ender = FakeEnder()
        _, server, task = await in_the_middle(ender)
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        assert [] == server.sent

    run(test)


def test_an_application_that_swallows_its_cancellation_stays_in_flight() -> None:
    """So the end can name it; it is over when it returns."""

    async def test() -> None:
        ender, began, there, go_on = FakeEnder(), asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def deaf(scope: Any, receive: Any, send: Any) -> None:
            began.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                there.set()
                await go_on.wait()

        task = asyncio.create_task(Server(EnderMiddleware(deaf, ender)).call())
        await began.wait()
        ender.cut()
        await there.wait()
        seen = ender.flying
        go_on.set()
        await task

        assert [("request", "GET /work")] == seen
        assert {} == ender.live

    run(test)


# The paths of the Ender.


async def asked(ender: FakeEnder, path: str, method: str = "GET", credentials: str = "", **options: Any) -> Server:
    """Return the answer to a request; the application answers with 200 and `part`."""
    app = EnderMiddleware(App(start(), part(more=False), after=True), ender, **options)
    headers = [(b"authorization", credentials.encode())] if credentials else []
    return await Server(app, path, method=method, headers=headers, client=("10.0.0.7", 4711)).call()


def test_readiness_is_what_the_ender_says_and_liveness_stays() -> None:
    """Neither is in flight, and an application of the same paths is not asked."""

    async def test() -> None:
        ender = FakeEnder()
        answers = []
        for ender.serving in (False, True, False):
            answers += [(await asked(ender, path)).status for path in ("/readyz", "/livez")]

        assert [503, 200, 200, 200, 503, 200] == answers
        assert 0 == ender.count

    run(test)


def test_readiness_can_be_asked_all_the_time() -> None:
    """A thousand times leave nothing behind and close the connection when traffic is left."""

    async def test() -> None:
        ender = FakeEnder()
        ender.draining = True
        app = EnderMiddleware(App(), ender)
        servers = [await Server(app, "/readyz").call() for _ in range(1000)]

        assert {(503, b"close")} == {(server.status, server.fields[b"connection"]) for server in servers}
        assert 0 == ender.count

    run(test)


def test_a_prefix_of_the_server_hides_no_path() -> None:
    """As `uvicorn --root-path /api` puts it before every path."""

    async def test() -> None:
        ender = FakeEnder()
        ender.serving = True
        server = await Server(EnderMiddleware(App(), ender), "/api/readyz", root_path="/api").call()

        assert (200, b"ready\n") == (server.status, server.body)

    run(test)


def test_a_path_of_none_is_the_applications() -> None:
    """Its answer is seen."""

    async def test() -> None:
        server = await asked(FakeEnder(), "/readyz", ready_path=None)

        assert b"part" == server.body

    run(test)


def test_head_has_no_body() -> None:
    """Some servers send the body of an answer to HEAD."""

    async def test() -> None:
        server = await asked(FakeEnder(), "/livez", "HEAD")

        assert (200, b"6", b"") == (server.status, server.fields[b"content-length"], server.body)

    run(test)


@pytest.mark.parametrize(("path", "method"), [("/readyz", "POST"), ("/livez", "PUT"), ("/drain", "GET")])
def test_a_wrong_method_is_told_which_is_right(path: str, method: str) -> None:
    """405 with Allow."""

    async def test() -> None:
        server = await asked(FakeEnder(), path, method, drain_path="/drain", token="s3cret")

        assert 405 == server.status
        assert {b"GET, HEAD", b"POST"} >= {server.fields[b"allow"]}

    run(test)


@pytest.mark.parametrize(
    ("token", "status"),
    [("", 401), ("Basic czNjcmV0", 401), ("Bearer", 401), ("Bearer s3cre", 403), ("bearer s3cret", 202)],
)
def test_a_drain_needs_the_token(token: str, status: int) -> None:
    """401 without one, 403 with another; whoever has it begins the drain, and is recorded."""

    async def test() -> None:
        ender = FakeEnder()
        server = await asked(ender, "/ops/drain", "POST", token, drain_path="/ops/drain", token="s3cret")

        assert status == server.status
        assert (status == 202) == (["drain: POST /ops/drain from 10.0.0.7"] == ender.story)
        assert (status == 401) == (b"www-authenticate" in server.fields)

    run(test)


def test_the_way_back_stands_beside_the_drain() -> None:
    """POST to `/resume` in the same place, with the same token; what cannot be done is a conflict."""

    async def test() -> None:
        ender = FakeEnder()
        options = {"drain_path": "/ops/drain", "token": "s3cret"}
        first = await asked(ender, "/ops/resume", "POST", "Bearer s3cret", **options)
        ender.refuses = StateError("there is nothing to resume")
        second = await asked(ender, "/ops/resume", "POST", "Bearer s3cret", **options)

        assert ["resume: POST /ops/resume from 10.0.0.7"] == ender.story
        assert (202, 409, b"there is nothing to resume\n") == (first.status, second.status, second.body)

    run(test)


def test_the_token_may_be_a_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """To a variable or to a file, as everywhere."""
    monkeypatch.setenv("DRAIN_TOKEN", "of-the-variable")
    (tmp_path / "token").write_text("of-the-file\n")

    async def test() -> None:
        for token, secret in (
            ({"env": "DRAIN_TOKEN"}, "of-the-variable"),
            ({"file": str(tmp_path / "token")}, "of-the-file"),
        ):
            server = await asked(FakeEnder(), "/drain", "POST", f"Bearer {secret}", drain_path="/drain", token=token)

            assert 202 == server.status

    run(test)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"drain_path": "/drain"}, "it has no token"),
        ({"resume_path": "/resume", "token": "s3cret"}, "without a drain_path"),
        ({"ready_path": "readyz"}, "begins with a slash"),
        ({"ready_path": "/z", "live_path": "/z"}, "two things at '/z'"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(options: dict[str, Any], text: str) -> None:
    """Not when somebody asks."""
    with pytest.raises(HandlerError, match=text):
        EnderMiddleware(App(), FakeEnder(), **options)


# The lifespan.


@pytest.fixture(autouse=True)
def listens_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of these tests listens as soon as the application has started."""
    monkeypatch.setattr("processender.integrations.asgi.lifespan.LISTENS_S", 0)


class Life:
    """The lifespan from the side of the server."""

    def __init__(self, ender: FakeEnder) -> None:
        """Say both words at once; what comes back is told in the ender's story."""
        self.ender = ender
        self.words = ["startup", "shutdown"]

    async def receive(self) -> dict[str, Any]:
        """Say the next word, the last one when what the first has begun has come to rest."""
        for _ in range(10):
            await asyncio.sleep(0)
        return {"type": f"lifespan.{self.words.pop(0)}"}

    async def send(self, message: dict[str, Any]) -> None:
        """Hear what the application says."""
        self.ender.story.append(message["type"].removeprefix("lifespan."))

    async def of(self, app: Any) -> list[str]:
        """Let *app* live and return what has happened."""
        await EnderMiddleware(app, self.ender)({"type": "lifespan"}, self.receive, self.send)
        return self.ender.story


def lived(app: Any, ender: FakeEnder | None = None) -> list[str]:
    """Return the story of the life of *app*."""
    return asyncio.run(Life(ender or FakeEnder()).of(app))


WHOLE = ["hosted", "startup.complete", "ready", "left", "shutdown.complete"]


def test_the_ender_is_entered_first_and_left_before_the_server_hears_that_it_may_go() -> None:
    """The application starts and shuts down inside; readiness comes when it has started."""
    ender = FakeEnder()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert "lifespan.startup" == (await receive())["type"]
        ender.story.append("starts")
        await send({"type": "lifespan.startup.complete"})
        assert "lifespan.shutdown" == (await receive())["type"]
        ender.story.append("shuts down")
        await send({"type": "lifespan.shutdown.complete"})

    assert ["hosted", "starts", "startup.complete", "ready", "shuts down", "left", "shutdown.complete"] == lived(
        app, ender
    )


async def knows_none(scope: Any, receive: Any, send: Any) -> None:
    """Take HTTP only."""
    assert scope["type"] == "http", "this is no HTTP"


async def says_nothing(scope: Any, receive: Any, send: Any) -> None:
    """Take everything, and do nothing."""


async def goes_early(scope: Any, receive: Any, send: Any) -> None:
    """Start, and be over."""
    await receive()
    await send({"type": "lifespan.startup.complete"})


@pytest.mark.parametrize("app", [knows_none, says_nothing, goes_early])
def test_an_application_without_a_lifespan_is_answered_for(app: Any) -> None:
    """It is served all the same, inside the Ender, until the server wants to end."""
    assert WHOLE == lived(app)


def test_a_start_that_fails_ends_the_ender_and_then_the_server() -> None:
    """Whether the application says so or raises: what was set up is torn down, and it never was ready."""

    async def says_so(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        raise RuntimeError("no database")

    async def raises(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("no database")

    expected = ["hosted", "left with RuntimeError", "startup.failed"]

    assert [expected, expected] == [lived(says_so), lived(raises)]


@pytest.mark.parametrize("says", [True, False])
def test_a_lifespan_that_breaks_while_its_server_serves_leaves_the_ender_there(says: bool) -> None:
    """The server goes on, as without the Ender; at its end it hears of the failure."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        if says:
            await send({"type": "lifespan.shutdown.failed", "message": "broken"})
        raise RuntimeError("broken")

    assert ["hosted", "startup.complete", "ready", "left", "shutdown.failed"] == lived(app)


def test_an_end_before_the_start_is_a_start_that_fails() -> None:
    """uvicorn takes an exception for an application without lifespan, and would begin to serve."""
    ender = FakeEnder()
    ender.too_late = True

    assert ["startup.failed"] == lived(goes_early, ender)


def test_a_lifespan_that_the_server_cancels_leaves_the_ender() -> None:
    """Some servers end it so."""

    async def test() -> None:
        ender, there = FakeEnder(), asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            there.set()
            await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(Life(ender).of(app))
        await there.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        assert ["hosted", "left with CancelledError"] == ender.story

    run(test)


def test_a_server_without_lifespan_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """At its first request; not where another adapter holds the Ender."""

    async def test() -> None:
        for ender in (FakeEnder(), held := FakeEnder()):
            held.entered = True
            app = EnderMiddleware(App(start(), part(more=False), after=True), ender)
            for _ in range(3):
                await Server(app).call()

    run(test)

    assert 1 == len(caplog.records)
    assert "switch lifespan on" in caplog.text


def test_what_is_neither_http_nor_websocket_nor_lifespan_passes() -> None:
    """The application knows what it is."""

    async def test() -> None:
        ender, seen = FakeEnder(), []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["type"])

        await EnderMiddleware(app, ender)({"type": "other"}, None, None)  # type: ignore[arg-type]

        assert ["other"] == seen
        assert 0 == ender.count

    run(test)


@pytest.mark.parametrize("path", ["/readyz", "/work"])
def test_a_server_without_lifespan_is_told_of_at_its_first_request(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """Of whatever kind: a probe alone would get 503 for ever, and nobody would know why."""
    app = EnderMiddleware(App(start(), part(more=False), after=True), FakeEnder())
    for _ in range(2):
        asyncio.run(Server(app, path).call())

    assert 1 == caplog.text.count("the server has not called the lifespan")


def test_an_ender_that_its_server_has_entered_needs_no_lifespan(caplog: pytest.LogCaptureFixture) -> None:
    """Also before it is ready."""
    ender = FakeEnder()
    with ender.hosted():
        asyncio.run(Server(EnderMiddleware(App(), ender), "/readyz").call())

    assert "" == caplog.text
