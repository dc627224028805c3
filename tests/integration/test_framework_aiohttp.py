"""aiohttp's server: nothing is lost between TERM and exit, what is cut ends in order, and what this rests on."""

from __future__ import annotations

import inspect
import re
import socket
import sys
import textwrap
import threading

import aiohttp
import pytest
from aiohttp import web, web_protocol

from processender.errors import HandlerError
from processender.integrations.aiohttp import serve
from tests.integration.frameworks import TOKEN, Served, Story, ask, begun, example, rest
from tests.integration.library_programs import LIMIT_S, PREAMBLE, finish, program
from tests.unit.serving import FakeEnder
from tests.waits import until

SERVER = """
from aiohttp import web
from processender.integrations import aiohttp

ender = Ender('web', grace=30, drain_delay=0, limits={'request': 0.3, 'stream': 0.3})
ender.add(lambda: say('closed'), name='pool', phase='close', importance='must')
held = asyncio.Event()
routes = web.RouteTableDef()

@routes.get('/held')
async def hold(request):
    say('begun')
    await held.wait()

@routes.get('/deaf')
async def deaf(request):
    say('begun')
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            say('swallowed')

@routes.get('/numbers')
async def numbers(request):
    response = web.StreamResponse()
    await response.prepare(request)
    say('begun')
    while True:
        await response.write(b'.' * 65536)

@routes.get('/gone')
async def gone(request):
    raise web.HTTPGone(text='gone')

@routes.get('/websocket')
async def talk(request):
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    say('begun')
    if 'deaf' in request.query:
        await held.wait()
    async for message in websocket:
        pass
    say('left', websocket.close_code)
    return websocket

def make():
    app = web.Application()
    app.add_routes(routes)
    app.on_cleanup.append(stopping)
    return app

async def stopping(app):
    say('stopping')

def main(*ports, **options):
    async def serve_all():
        served = [aiohttp.serve(ender, make(), host='127.0.0.1', port=port, **options) for port in ports]
        await asyncio.gather(*served)
    asyncio.run(serve_all())
"""
ONE = "say('code', aiohttp.run(ender, make(), host='127.0.0.1', port=int(sys.argv[1])))"


def served(main: str = ONE, source: str = SERVER) -> Served:
    """Return the program that serves by *main*."""
    return Served([sys.executable, "-c", PREAMBLE + source + textwrap.dedent(main), "PORT"])


def upgraded(port: int, path: str) -> socket.socket:
    """Open a websocket by hand; return the connection behind the answer to the handshake."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
    fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n{key}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 101")
    return connection


def test_aiohttp_loses_nothing_between_term_and_exit() -> None:
    """Requests are answered, events end whole, and a websocket is closed with code 1001, before the pool is closed."""
    with example("aiohttp") as running:
        port = running.until_ready().port
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        asked = [ask(port, "/drain", "POST")[0], ask(port, "/drain", "POST", Authorization="Bearer other")[0]]
        asked += [ask(port, "/drain", "POST", **bearer)[0]]
        until(lambda: ask(port, "/readyz")[0] == 503)
        asked += [ask(port, "/livez")[0], ask(port, "/resume", "POST", **bearer)[0]]
        until(lambda: ask(port, "/readyz")[0] == 200)
        events, websocket = begun(port, "/events"), upgraded(port, "/echo")
        story = Story(running, kept=True)
        told, frames = rest(events), rest(websocket)

    story.check()
    assert [401, 403, 202, 200, 202] == asked
    assert "close" == story.kept_closes
    assert told.endswith("data: tick\n\n\r\n0\r\n\r\n")
    # A close frame (0x88), its length, and 1001 with the reason, as RFC 6455 section 5.5.1 says.
    assert "\x88\x17\x03\xe9the service is ending" == frames[:25]
    assert {
        ("GET /events", "the limit of events, 0 s, is over"),
        ("GET /echo", "the limit of websocket, 0 s, is over"),
    } == {(each["what"], each["reason"]) for each in story.end.report["cut"]}


def test_what_never_ends_and_who_never_reads_are_named_and_cut() -> None:
    """One is answered by 503, for its answer has not begun; the other loses its connection."""
    with served() as running:
        running.until_ready()
        full, held = begun(running.port, "/numbers"), begun(running.port, "/held")
        running.wait_for_all("begun", 2)
        running.signal("TERM")
        answer = rest(held)
        end = finish(running)
        full.close()

    assert answer.startswith("HTTP/1.1 503")
    assert "\r\nConnection: close\r\n" in answer
    assert {
        ("GET /numbers", "the limit of stream, 0.3 s, is over"),
        ("GET /held", "the limit of request, 0.3 s, is over"),
    } == {(each["what"], each["reason"]) for each in end.report["cut"]}
    assert ["stopping", "closed", "code 0"] == [line for line in end.lines if line in {"stopping", "closed", "code 0"}]
    assert "clean" == end.report["verdict"]


@pytest.mark.parametrize("path", ["/websocket", "/websocket?deaf"])
def test_a_websocket_whose_client_does_not_answer_is_closed_all_the_same(path: str) -> None:
    """The goodbye has its own limit, and so has a handler that does not look."""
    with served() as running:
        running.until_ready()
        connection = upgraded(running.port, path)
        running.wait_for("begun", LIMIT_S)
        running.signal("TERM")
        end = finish(running)
        frames = rest(connection)

    assert "\x03\xe9" == frames[2:4]
    assert "clean" == end.report["verdict"]


def test_a_handler_that_swallows_its_cancellation_is_left_behind() -> None:
    """It is named; the rest of the plan runs, and the process ends."""
    with served(source=SERVER.replace("grace=30", "grace=4")) as running:
        running.until_ready()
        connection = begun(running.port, "/deaf")
        running.wait_for("begun", LIMIT_S)
        running.signal("TERM")
        end = finish(running)
        connection.close()

    assert "swallowed" in end.lines
    assert "closed" in end.lines
    assert ["GET /deaf"] == end.report["in_flight"]


def test_a_connection_without_a_request_holds_up_nothing() -> None:
    """Whatever moment it has come in: aiohttp alone waits a minute for one that it has just accepted."""
    with served() as running:
        running.until_ready()
        over, many = threading.Event(), []

        def connect() -> None:
            while not over.is_set():
                try:
                    many.append(socket.create_connection(("127.0.0.1", running.port), timeout=LIMIT_S))
                except OSError:
                    return

        thread = threading.Thread(target=connect)
        thread.start()
        running.signal("TERM")
        end = finish(running)
        over.set()
        thread.join()
        for connection in many:
            connection.close()

    assert "clean" == end.report["verdict"]
    assert end.handler("body")["ended_s"] < 15.0


def test_two_servers_in_one_process_are_asked_both() -> None:
    """One Ender, two listeners; the plan goes on when both are gone."""
    with served("main(int(sys.argv[1]), 0)") as running:
        running.until_ready()
        running.signal("TERM")
        end = finish(running)

    assert ["stopping", "stopping", "closed"] == [line for line in end.lines if line in {"stopping", "closed"}]
    assert (0, "clean") == (end.code, end.report["verdict"])


def test_an_answer_that_is_raised_is_written_once() -> None:
    """aiohttp finds it written."""
    with served() as running:
        running.until_ready()
        connection = begun(running.port, "/gone")
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answers = rest(connection)
        running.signal("TERM")
        finish(running)

    assert ["HTTP/1.1 410 Gone", "HTTP/1.1 200 OK"] == re.findall(r"HTTP/1\.1 \d+ \w+", answers)


def test_a_start_that_fails_ends_the_process_in_order() -> None:
    """The port is taken; the application is cleaned up."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        main = f"main({taken.getsockname()[1]})"
        with program(SERVER + main) as running:
            end = finish(running)

    assert 1 == end.code
    assert {"closed", "stopping"} <= {*end.lines}
    assert "error" == end.report["cause"]


def test_a_signal_in_the_middle_of_the_start_is_not_lost() -> None:
    """The application is up, and goes down again."""
    slow = """
    make_plain = make
    def make():
        app = make_plain()
        async def start(app):
            say('starting')
            while not ender.stopping.is_set():
                await asyncio.sleep(0.01)
        app.on_startup.append(start)
        return app
    main(0)
    """
    with program(SERVER + textwrap.dedent(slow)) as running:
        running.wait_for("starting", LIMIT_S)
        running.signal("TERM")
        end = finish(running)

    assert (0, "clean") == (end.code, end.report["verdict"])
    assert ["stopping", "closed"] == [line for line in end.lines if line in {"stopping", "closed"}]


@pytest.mark.parametrize("option", ["handle_signals", "shutdown_timeout"])
def test_what_cannot_be_meant_beside_an_ender_is_refused(option: str) -> None:
    """There is one who has the signals, and one deadline."""
    coroutine = serve(FakeEnder(), None, **{option: True})
    with pytest.raises(HandlerError, match=option):
        coroutine.send(None)


def test_aiohttp_still_is_what_the_server_rests_on() -> None:
    """The order in which an answer is made, and of its end."""
    start = inspect.getsource(web.StreamResponse._start)
    cleanup = inspect.getsource(web.AppRunner.cleanup)

    assert start.index("_prepare_headers") < start.index("_prepare_hook") < start.index("_write_headers")
    order = ["site.stop()", "pre_shutdown()", "self.shutdown()", "_server.shutdown(self._shutdown_timeout)", "_cleanup"]
    assert order == sorted(order, key=cleanup.index)
    assert "if self._eof_sent:" in inspect.getsource(web.StreamResponse.prepare)
    assert "await prepare_meth(request)" in inspect.getsource(web_protocol.RequestHandler.finish_response)
    assert aiohttp.WSCloseCode.GOING_AWAY == 1001
