"""The WSGI middleware: what is in flight, until when, under which kind, and how connections are closed behind it."""

from __future__ import annotations

import socket
from wsgiref.simple_server import make_server
from wsgiref.util import FileWrapper

import pytest

from processender.errors import HandlerError, StateError
from processender.integrations.wsgi import EnderMiddleware
from tests.unit.serving import FakeEnder

PLAIN = [("Content-Type", "text/plain"), ("Content-Length", "2")]
OPEN = [("Content-Type", "text/plain")]
EVENTS = [("Content-Type", "text/event-stream; charset=utf-8")]


class Call:
    """One call of a middleware, as a server makes it."""

    def __init__(self, app, ender: FakeEnder, path: str = "/", method: str = "GET", **options) -> None:
        environ = options.pop("environ", {})
        self.status, self.headers = "", {}
        self.environ = {"PATH_INFO": path, "REQUEST_METHOD": method, "REMOTE_ADDR": "127.0.0.1", **environ}
        self.body = EnderMiddleware(app, ender, **options)(self.environ, self.start_response)

    def start_response(self, status, headers, *_):
        """Take the beginning of the answer."""
        self.status, self.headers = status, dict(headers)
        return lambda _data: None


def app_of(chunks, headers=PLAIN, status="200 OK"):
    """Return an application that returns *chunks*."""

    def app(environ, start_response):
        start_response(status, headers)
        return chunks

    return app


def test_a_request_is_in_flight_until_its_server_closes_the_answer() -> None:
    """Not only while the application runs: the server sends it behind that."""
    ender = FakeEnder()
    call = Call(app_of([b"ok"]), ender, "/a")
    seen = [list(ender.flying), b"".join(call.body), list(ender.flying)]
    call.body.close()

    assert [[("request", "GET /a")], b"ok", [("request", "GET /a")]] == seen
    assert [] == ender.flying


def test_an_application_that_raises_is_in_flight_no_longer() -> None:
    """There is no answer to close."""
    ender = FakeEnder()

    def app(environ, start_response):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Call(app, ender)
    assert [] == ender.flying


def test_the_close_of_the_application_is_called_once_and_may_raise() -> None:
    """The request is over all the same."""
    ender, closed = FakeEnder(), []

    class Body(list):
        def close(self):
            closed.append(self)
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        Call(app_of(Body([b"ok"])), ender).body.close()
    assert (1, []) == (len(closed), ender.flying)


@pytest.mark.parametrize(
    ("chunks", "headers", "kind"),
    [
        ([b"ok"], PLAIN, "request"),
        ([b"ok"], OPEN, "request"),
        (iter([b"ok"]), PLAIN, "request"),
        (iter([b"ok"]), OPEN, "stream"),
        (iter([b"ok"]), EVENTS, "events"),
    ],
    ids=["sized", "sized without a length", "a length", "neither", "events"],
)
def test_the_kind_of_a_request_is_known_when_its_answer_begins(chunks, headers, kind) -> None:
    """Events by their type; a stream has neither a length nor a number of chunks."""
    ender = FakeEnder()
    Call(app_of(chunks, headers), ender)

    assert [(kind, "GET /")] == ender.flying


def test_an_application_that_is_a_generator_tells_its_kind_when_it_is_iterated_over() -> None:
    """Only then it has begun."""
    ender = FakeEnder()

    def app(environ, start_response):
        start_response("200 OK", OPEN)
        yield b"ok"

    call = Call(app, ender)
    before = list(ender.flying)
    next(iter(call.body))

    assert [("request", "GET /")] == before
    assert [("stream", "GET /")] == ender.flying


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_that_has_no_body_is_no_stream(status: str) -> None:
    """It needs no length."""
    ender = FakeEnder()
    Call(app_of(iter([]), OPEN, status), ender)

    assert [("request", "GET /")] == ender.flying


def test_a_sized_answer_stays_sized() -> None:
    """Servers find the length of a single chunk by it; others must not believe that there is one."""
    ender = FakeEnder()

    assert 1 == len(Call(app_of([b"ok"]), ender).body)
    assert not hasattr(Call(app_of(iter([b"ok"])), ender).body, "__len__")


def test_a_file_keeps_its_wrapper() -> None:
    """The server sends by sendfile only what is of its own class; the request ends with its close."""
    ender = FakeEnder()
    with open(__file__, "rb") as file:
        wrapped = FileWrapper(file)
        body = Call(app_of(wrapped), ender, environ={"wsgi.file_wrapper": FileWrapper}).body
        flying = list(ender.flying)
        body.close()

        assert wrapped is body
        assert file.closed
    assert ([("request", "GET /")], []) == (flying, ender.flying)


def test_what_is_cut_fails_at_its_next_chunk() -> None:
    """As if the client had left, which every server knows how to bear."""
    ender = FakeEnder()
    body = iter(Call(app_of(iter([b"1", b"2"]), OPEN), ender).body)
    next(body)
    ender.cut()

    with pytest.raises(ConnectionResetError, match="GET /"):
        next(body)


@pytest.mark.parametrize("name", ["gunicorn.socket", "werkzeug.socket"])
def test_what_is_cut_loses_its_connection_where_the_server_shows_it(name: str) -> None:
    """A thread that sends to a client that never reads wakes up."""
    ender = FakeEnder()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Call(app_of([b"ok"]), ender, environ={name: ours})
        ender.cut()
        ender.cut()

        assert b"" == theirs.recv(1)


class Response:
    """The answer of gunicorn, whose `start_response` is a method of it."""

    def __init__(self) -> None:
        self.closes = False
        self.headers: list[tuple[str, str]] = []

    def force_close(self):
        """Note it."""
        self.closes = True

    def start_response(self, status, headers, *_):
        """Take the beginning of the answer."""
        self.headers = headers


@pytest.mark.parametrize("draining", [False, True])
@pytest.mark.parametrize("path", ["/", "/readyz"])
def test_gunicorn_is_told_to_close_the_connection(path: str, draining: bool) -> None:
    """It drops the header, which belongs to the server."""
    ender, response = FakeEnder(), Response()
    ender.draining = draining
    EnderMiddleware(app_of([b"ok"]), ender)({"PATH_INFO": path, "REQUEST_METHOD": "GET"}, response.start_response)

    assert draining == response.closes
    assert "Connection" not in dict(response.headers)


@pytest.mark.parametrize(
    ("software", "close_header", "sent"),
    [("Granian", None, "close"), ("WSGIServer/0.2", None, None), ("Granian", False, None), ("uWSGI", True, "close")],
)
def test_the_header_is_sent_where_its_server_takes_it(software: str, close_header, sent) -> None:
    """Or where its user says that it does."""
    ender = FakeEnder()
    ender.draining = True
    call = Call(app_of([b"ok"]), ender, environ={"SERVER_SOFTWARE": software}, close_header=close_header)

    assert sent == call.headers.get("Connection")


def test_wsgiref_refuses_the_header() -> None:
    """So it is not sent by default; wsgiref closes every connection behind its answer."""
    failed = []

    def app(environ, start_response):
        try:
            start_response("200 OK", [("Connection", "close")])
        except AssertionError as error:
            failed.append(str(error))
            start_response("200 OK", PLAIN)
        return [b"ok"]

    with make_server("127.0.0.1", 0, app) as server, socket.create_connection(server.server_address[:2]) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        server.handle_request()

    assert ["Hop-by-hop header, 'Connection: close', not allowed"] == failed


@pytest.mark.parametrize(
    ("path", "serving", "status"),
    [("/readyz", True, "200 OK"), ("/readyz", False, "503 Service Unavailable"), ("/livez", False, "200 OK")],
)
def test_readiness_and_liveness_are_answered(path: str, serving: bool, status: str) -> None:
    """Without the application, and they are not in flight."""
    ender = FakeEnder()
    ender.serving = serving
    call = Call(app_of([b"ok"]), ender, path)

    assert (status, []) == (call.status, ender.flying)
    assert "no-store" == call.headers["Cache-Control"]


def test_head_has_no_body_and_post_is_not_allowed() -> None:
    """Some servers send the body of an answer to HEAD."""
    assert [] == Call(app_of([]), FakeEnder(), "/livez", "HEAD").body
    assert "405 Method Not Allowed" == Call(app_of([]), FakeEnder(), "/livez", "POST").status


@pytest.mark.parametrize(
    ("method", "header", "status"),
    [
        ("GET", "Bearer secret", "405 Method Not Allowed"),
        ("POST", "", "401 Unauthorized"),
        ("POST", "Basic secret", "401 Unauthorized"),
        ("POST", "Bearer other", "403 Forbidden"),
        ("POST", "Bearer \xff", "403 Forbidden"),
        ("POST", "bearer secret", "202 Accepted"),
    ],
)
def test_a_drain_needs_the_token(method: str, header: str, status: str) -> None:
    """Whoever has it is named."""
    ender = FakeEnder()
    environ = {"HTTP_AUTHORIZATION": header}
    call = Call(app_of([]), ender, "/drain", method, environ=environ, drain_path="/drain", token="secret")

    assert status == call.status
    assert (["drain: POST /drain from 127.0.0.1"] if status[0] == "2" else []) == ender.story


def test_a_resume_stands_beside_the_drain_and_may_be_too_late() -> None:
    """The Ender says why."""
    ender = FakeEnder()
    ender.refuses = StateError("the end has gone too far")
    options = {"drain_path": "/admin/drain", "token": "secret"}
    environ = {"HTTP_AUTHORIZATION": "Bearer secret"}
    call = Call(app_of([]), ender, "/admin/resume", "POST", environ=environ, **options)

    assert ("409 Conflict", [b"the end has gone too far\n"]) == (call.status, call.body)


@pytest.mark.parametrize(
    "options",
    [{"drain_path": "/drain"}, {"drain_path": "/drain", "token": " "}, {"ready_path": "readyz"}, {"live_path": "/readyz"},
     {"drain_path": "/drain", "token": {"env": "NO_SUCH_VARIABLE"}}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_at_once(options) -> None:
    """A drain without a token, an empty one, a path without a slash, one path for two."""
    with pytest.raises(HandlerError):
        EnderMiddleware(app_of([]), FakeEnder(), **options)


def test_a_path_of_none_is_the_applications_own() -> None:
    """It may have its own readiness."""
    call = Call(app_of([b"ok"]), FakeEnder(), "/readyz", ready_path=None)

    assert [b"ok"] == list(call.body)


@pytest.mark.parametrize("path", ["/readyz", "/"])
def test_an_ender_that_nobody_has_entered_is_told_of_at_the_first_request(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As under gunicorn without its `configure`: readiness would be false for ever, and nobody would know why."""
    app = EnderMiddleware(app_of([b"ok"]), FakeEnder())
    for _ in range(2):
        app({"PATH_INFO": path, "REQUEST_METHOD": "GET"}, lambda *_: None)

    assert 1 == caplog.text.count("nobody has entered the Ender of this application")


def test_an_ender_that_is_entered_is_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """Nor one that is switched off."""
    ender = FakeEnder()
    with ender.hosted():
        Call(app_of([b"ok"]), ender)

    assert "" == caplog.text
