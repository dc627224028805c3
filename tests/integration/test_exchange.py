"""One request and its answer: against a real server that answers, stalls and hangs up."""

from __future__ import annotations

import ssl
import subprocess
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from processender.engine.brief import BriefContext
from processender.engine.clock import SystemClock
from processender.errors import HandlerError, Permanent, Transient
from processender.exchange import Answer, HTTPStatusRefused, HTTPStatusTransient, Request, exchange, judge
from processender.glance import Glance
from processender.patience import poll
from processender.testing.sources import Heard

CLOCK = SystemClock()
Serve = Callable[[type[BaseHTTPRequestHandler]], ThreadingHTTPServer]


def context(seconds: float = 10.0) -> BriefContext:
    """Return the context of an attempt that has this long."""
    return BriefContext(CLOCK.now() + seconds, CLOCK, handler="ask", cause="drain", key="run-1/ask")


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent; the path is the status."""

    def do_PUT(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(int(self.path[1:]))
        self.send_header("Retry-After", "7")
        self.send_header("X-Token", self.headers.get("X-Token") or "none")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Stalls(Echo):
    """Never answers, until the one who asked has gone."""

    def do_PUT(self) -> None:
        """Wait for the end of the connection."""
        self.connection.recv(1)


class Drips(Echo):
    """Sends its answer a byte at a time, without an end."""

    def do_PUT(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        over = threading.Event()
        try:
            while not over.wait(0.01):
                self.wfile.write(b".")
        except OSError:
            return


class Echoes(Echo):
    """Says what it was asked for, as it came and as it was meant."""

    def do_PUT(self) -> None:
        """Answer."""
        query = self.path.partition("?")[2]
        self.send_response(404)
        self.end_headers()
        self.wfile.write(f"no {query} and no {unquote(query.partition('=')[2].partition('&')[0])} is known".encode())


class Garbles(Echo):
    """Answers with what is no HTTP, and holds what it was sent."""

    def do_PUT(self) -> None:
        """Answer."""
        self.wfile.write(self.headers["X-Token"].encode() + b"\r\n")


@pytest.fixture
def serve(request: pytest.FixtureRequest) -> Serve:
    """Return what serves on a free port until the test is over."""

    def start(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        request.addfinalizer(server.server_close)
        request.addfinalizer(thread.join)
        request.addfinalizer(server.shutdown)
        return server

    return start


def put(server: ThreadingHTTPServer, status: int = 200, **more: str) -> Request:
    """Return a request to *server*, which answers with *status*."""
    return Request("PUT", f"http://127.0.0.1:{server.server_port}/{status}", **more)  # type: ignore[arg-type]


class TestExchange:
    def test_any_status_is_an_answer(self, serve: Serve) -> None:
        """Who asks, judges."""
        answer = exchange(put(serve(Echo), 503, body="down"), context())

        assert (503, "Service Unavailable", b"down") == (answer.status, answer.reason, answer.body)
        assert "7" == answer.headers["retry-after"]

    def test_one_request_is_good_for_many(self, serve: Serve) -> None:
        """With another body, and with a token that was read a moment ago."""
        request = put(serve(Echo))
        first = exchange(request, context(), b"one", headers={"X-Token": "a"})
        second = exchange(request, context())

        assert (b"one", "a") == (first.body, first.headers["X-Token"])
        assert (b"", "none") == (second.body, second.headers["X-Token"])

    def test_only_so_much_of_the_answer_is_read(self, serve: Serve) -> None:
        """A server cannot fill the memory."""
        assert b"ab" == exchange(put(serve(Echo)), context(), b"abc", most=2).body

    def test_a_silent_server_times_out_alone(self, serve: Serve) -> None:
        """Long before the attempt, if the one who asks wants to ask again."""
        ctx = context(60)

        with pytest.raises(TimeoutError, match="no answer in time"):
            exchange(put(serve(Stalls)), ctx, timeout=0.05)
        assert ctx.remaining() > 30

    def test_an_answer_that_comes_a_byte_at_a_time_has_one_time_for_all(self, serve: Serve) -> None:
        """Each byte would begin the time-out of a socket anew."""
        ctx = context(60)

        with pytest.raises(TimeoutError, match="no answer in time"):
            exchange(put(serve(Drips)), ctx, timeout=0.3)
        assert ctx.remaining() > 30

    @pytest.mark.parametrize("server", [Stalls, Drips])
    def test_a_look_comes_back_in_time_without_a_thread_that_watches_it(
        self, serve: Serve, server: type[BaseHTTPRequestHandler]
    ) -> None:
        """It is made every two seconds; all that it reads has one time together."""
        threads: list[str] = []

        class Tells(server):  # type: ignore[misc, valid-type]
            """Says who is there while the answer is awaited."""

            def do_PUT(self) -> None:
                """Look around."""
                threads.extend(type(each).__name__ for each in threading.enumerate())
                super().do_PUT()

        glance = Glance(Heard(), 60, Heard().notices.append)  # type: ignore[arg-type]

        with pytest.raises(TimeoutError, match="no answer in time"):
            glance.ask(put(serve(Tells)), timeout=0.2)
        assert glance.remaining() > 30
        assert "Timer" not in threads

    def test_an_answer_that_never_ends_is_aborted(self, serve: Serve) -> None:
        """Although the connection has forgotten its socket by then."""
        ctx = context(60)
        threading.Timer(0.3, ctx.cancel).start()

        with pytest.raises(TimeoutError, match="no answer in time"):
            exchange(put(serve(Drips)), ctx)

    def test_an_attempt_that_must_give_way_comes_back_at_once(self, serve: Serve) -> None:
        """The connection is shut from under it."""
        ctx = context(60)
        waiting = threading.Event()

        class Tells(Stalls):
            """Says that the request is here."""

            def do_PUT(self) -> None:
                """Wait."""
                waiting.set()
                super().do_PUT()

        stopper = threading.Thread(target=lambda: (waiting.wait(30), ctx.cancel()))
        stopper.start()
        with pytest.raises(TimeoutError, match="no answer in time"):
            exchange(put(serve(Tells)), ctx)
        stopper.join()

    def test_nobody_there_may_pass(self) -> None:
        """A server may come back."""
        with pytest.raises(Transient, match=r"cannot GET http://127.0.0.1:1/"):
            exchange(Request("GET", "http://127.0.0.1:1/"), context())

    @pytest.mark.parametrize("text", ["a\r\nX-Two: 2", "\N{SNOWMAN}"])
    def test_a_field_that_cannot_be_sent_is_refused_unseen(self, serve: Serve, text: str) -> None:
        """It may be a secret."""
        with pytest.raises(HandlerError, match="'X-Token': it must be printable ASCII") as caught:
            exchange(put(serve(Echo)), context(), headers={"X-Token": text})
        assert text not in str(caught.value)


class TestRequest:
    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("http://h/a b", "a space is `%20`"),
            ("http://h/a\r\nX: y", "no spaces and control signs"),
            ("http://h/a\x7f", "no spaces and control signs"),
            ("http://h/\N{LATIN SMALL LETTER U WITH DIAERESIS}", "behind the host it must be ASCII"),
            ("http://h:eighty/", "its host, or its port, is none"),
            ("http://[::1/", "its host, or its port, is none"),
            ("ftp://h/", "with http or https and a host"),
            ("", "with http or https and a host"),
            (7, "cannot send to a int"),
        ],
    )
    def test_where_nothing_can_be_sent_is_said_beforehand(self, url: object, why: str) -> None:
        """And not at the end, when there is no time left to mend it."""
        with pytest.raises(HandlerError, match=why):
            Request("GET", url)  # type: ignore[arg-type]

    @pytest.mark.parametrize("method", ["", "GE T", "POST\r\nX: y", "GET\n", 5])
    def test_what_is_no_method_is_said_beforehand(self, method: object) -> None:
        """It is a token, as the standard has it."""
        with pytest.raises(HandlerError, match="a method is one word, like POST"):
            Request(method, "http://h/")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "url",
        ["http://u:s3cret@h/a?token=s3cret x", "ftp://u:s3cret@h/?s3cret", "http://u:s3cret@h:x/", "http://s3cret@[/"],
    )
    def test_what_is_refused_shows_no_secret(self, url: str) -> None:
        """Not in the query, and not as a user."""
        with pytest.raises(HandlerError) as caught:
            Request("GET", url)

        assert "s3cret" not in "".join(traceback.format_exception(caught.value)).replace(repr(url), "")

    def test_a_host_may_have_a_name_of_any_script(self) -> None:
        """The name service has a form for it."""
        assert (
            "http://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/"
            == Request("GET", "http://bücher.example/").shown
        )


class TestSecrets:
    @pytest.mark.parametrize(
        ("headers", "said", "shown"),
        [
            ({"Authorization": "Bearer s3cr3t"}, "bad Bearer s3cr3t", "bad ***"),
            ({"Authorization": "Bearer s3cr3t"}, "bad token s3cr3t, give a Bearer", "bad token ***, give a Bearer"),
            ({"X-Anything": "s3cr3t"}, "bad s3cr3t", "bad ***"),
            ({"Cookie": "a=s3cr3t; b=0ther"}, "no session 0ther", "no session ***"),
            ({"Content-Type": "text/plain", "X-Level": "1"}, "1 text/plain", "1 text/plain"),
            ({"X-Anything": "s3cr3t"}, "." * 297 + "s3cr3t", "." * 297 + "***"),
        ],
    )
    def test_what_was_sent_is_blank_in_what_is_quoted(
        self, serve: Serve, headers: dict[str, str], said: str, shown: str
    ) -> None:
        """A server may say in its answer what it was sent."""
        request = put(serve(Echo), 400, body=said)
        with pytest.raises(HTTPStatusRefused) as caught:
            judge(request, exchange(request, context(), headers=headers))

        assert str(caught.value).endswith(f"400 Bad Request: {shown}")

    def test_so_is_what_the_query_held(self, serve: Serve) -> None:
        """As it was sent, and as the server has read it."""
        port = serve(Echoes).server_port
        request = Request("PUT", f"http://127.0.0.1:{port}/a?token=s3%2Fcret&verbose")
        answer = exchange(request, context())

        assert "no *** and no *** is known" == answer.quoted()

    def test_so_is_it_where_the_answer_is_none(self, serve: Serve) -> None:
        """Not even a status line may carry it into a report."""
        request = put(serve(Garbles))
        with pytest.raises(Transient, match=r"BadStatusLine \*\*\*") as caught:
            exchange(request, context(), headers={"X-Token": "s3cr3t"})

        assert "s3cr3t" not in "".join(traceback.format_exception(caught.value)).replace('"s3cr3t"', "")


class TestJudge:
    def ask(self, serve: Serve, status: int) -> tuple[Request, Answer]:
        """Return a request and its answer."""
        request = put(serve(Echo), status, body="the reason\nis this")
        return request, exchange(request, context())

    def test_a_status_that_was_expected_is_passed_on(self, serve: Serve) -> None:
        """All of 200 to 299, or those that were named."""
        request, answer = self.ask(serve, 299)

        assert answer is judge(request, answer) is judge(request, answer, (299,))
        with pytest.raises(HTTPStatusRefused):
            judge(request, answer, (204,))

    def test_some_may_pass(self, serve: Serve) -> None:
        """And the server says when to come again."""
        request, answer = self.ask(serve, 503)
        with pytest.raises(
            HTTPStatusTransient, match="was answered with 503 Service Unavailable: the reason is"
        ) as caught:
            judge(request, answer)

        assert (503, 7.0) == (caught.value.status, caught.value.retry_after)

    def test_others_never_will(self, serve: Serve) -> None:
        """Asking again would change nothing."""
        request, answer = self.ask(serve, 404)
        with pytest.raises(HTTPStatusRefused) as caught:
            judge(request, answer)

        assert 404 == caught.value.status


class TestTrust:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> tuple[str, str]:
        """Return a certificate for 127.0.0.1, and its key."""
        crt, key = str(tmp_path / "own.crt"), str(tmp_path / "own.key")
        make = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        name = ["-subj", "/CN=own", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt]
        subprocess.run([*make, *name], check=True, capture_output=True)
        return crt, key

    def test_an_authority_of_its_own_is_trusted_alone(self, serve: Serve, certificate: tuple[str, str]) -> None:
        """As that of a cluster; without it the same server is nobody."""
        server = serve(Echo)
        context_of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context_of_server.load_cert_chain(*certificate)
        server.socket = context_of_server.wrap_socket(server.socket, server_side=True)
        url = f"https://127.0.0.1:{server.server_port}/200"

        assert 200 == exchange(Request("PUT", url, authority=certificate[0]), context()).status
        with pytest.raises(Permanent, match="its certificate is not trusted"):
            exchange(Request("PUT", url), context())

    def test_an_authority_that_is_not_there_is_said_at_once(self) -> None:
        """And not when the first request is sent."""
        with pytest.raises(HandlerError, match=r"cannot read the certificate authority in /nowhere/ca\.crt"):
            Request("GET", "https://127.0.0.1/", authority="/nowhere/ca.crt")


class Counting(BriefContext):
    """An attempt that counts what is to be called at its end."""

    @property
    def kept(self) -> int:
        """How many there are."""
        return len(self._on_cancel)


def test_an_attempt_that_asks_again_and_again_keeps_nothing_of_it(serve: Serve) -> None:
    """When they are over, neither an exchange nor the looking has anything to be called at its end."""
    server = serve(Echo)
    request = Request("PUT", f"http://127.0.0.1:{server.server_port}/404")
    ctx = Counting(CLOCK.now() + 10.0, CLOCK, handler="ask", cause="drain", key="run-1/ask")
    before, looks = ctx.kept, iter([*[None] * 20, "enough"])

    def look() -> str | None:
        exchange(request, ctx)
        return next(looks)

    assert ("enough", before) == (poll(ctx, look, every=0.001), ctx.kept)
