"""uvicorn in the hands of the Ender: `serve`, `run`, several `Server`s, and what of uvicorn this rests on."""

from __future__ import annotations

import inspect
import socket
from typing import Any

import pytest
import uvicorn

from processender.errors import HandlerError
from processender.integrations.uvicorn import Server, run, serve
from tests.integration.asgi_programs import Client, python, wait_until
from tests.integration.library_programs import End, finish
from tests.integration.servers import free_port
from tests.unit.serving import FakeEnder
from tests.waits import until

START = """
import asyncio, sys, threading
import uvicorn as plain
from processender.integrations import uvicorn
from tests.integration.asgi_programs import app, bare, ender, say
port, *more = sys.argv[1:]
"""
SERVE = (
    START
    + "code = uvicorn.run(ender, app, port=int(port), log_level='warning', loop=more[0], http=more[1])\n"
    + "say('returned')\nsay('code', code)"
)
BARE = START + "uvicorn.run(ender, bare, port=int(port), log_level='warning')"
TASKS = (
    START
    + """
async def main():
    served = [uvicorn.serve(ender, app, port=int(each), log_level='warning') for each in (port, *more)]
    await asyncio.gather(*served)
asyncio.run(main())
say('returned')
"""
)
THREADS = (
    START
    + """
ender.install()
servers = [uvicorn.Server(ender, plain.Config(app, port=int(each), log_level='warning')) for each in (port, *more)]
threads = [threading.Thread(target=server.run) for server in servers]
for thread in threads: thread.start()
for thread in threads: thread.join()
say('returned')
"""
)
FLOOD = (
    START
    + """
async def flood(scope, receive, send):
    if scope['type'] == 'lifespan':
        return await bare(scope, receive, send)
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': bytes(32 << 20)})
    say('all is sent')
uvicorn.run(ender, flood, port=int(port), log_level='warning')
"""
)
EVENTS = (
    START
    + """
from sse_starlette.sse import AppStatus, EventSourceResponse
from starlette.applications import Starlette
from starlette.routing import Route
async def ticks():
    say('began')
    try:
        while True:
            yield 'tick'
            await asyncio.sleep(0.01)
    finally:
        say('told', AppStatus.should_exit)
app = Starlette(routes=[Route('/events', lambda request: EventSourceResponse(ticks()))])
uvicorn.run(ender, app, port=int(port), log_level='warning')
"""
)


@pytest.fixture
def port() -> int:
    """Return a free port."""
    return free_port()


def said(end: End, *words: str) -> list[str]:
    """Return the lines of the application that are among *words*."""
    return [line for line in end.lines if line in words]


@pytest.mark.parametrize(("loop", "protocol"), [("asyncio", "httptools"), ("uvloop", "h11")])
def test_a_server_is_asked_when_traffic_has_left_and_its_signals_are_the_enders(
    port: int, loop: str, protocol: str
) -> None:
    """The middleware inside it and the server share one Ender; the process ends by its own code, not of the signal."""
    with python("-c", SERVE, str(port), loop, protocol) as running, Client(port) as client:
        wait_until(running, port, 200)
        held = client.ask("/held")
        running.signal("TERM")
        body = held.read()
        end = finish(running)

    assert b"whole" == body
    assert ["shut down", "closed", "returned", "code 0"] == said(end, "shut down", "closed", "returned", "code 0")
    assert (0, "clean", []) == (end.code, end.report["verdict"], end.report["troubles"])


@pytest.mark.parametrize("program", [TASKS, THREADS], ids=["tasks", "threads"])
def test_two_servers_in_one_process_end_together(port: int, program: str) -> None:
    """In tasks of one loop, or on threads: both finish what is in flight, then what they share is closed, once."""
    second = free_port()
    with python("-c", program, str(port), str(second)) as running, Client(port) as one, Client(second) as other:
        wait_until(running, port, 200)
        wait_until(running, second, 200)
        held = [one.ask("/held"), other.ask("/held")]
        running.signal("TERM")
        bodies = [each.read() for each in held]
        end = finish(running)

    assert [b"whole", b"whole"] == bodies
    assert ["shut down", "shut down", "closed", "returned"] == said(end, "shut down", "closed", "returned")
    assert (0, "clean") == (end.code, end.report["verdict"])


def test_a_client_that_never_reads_is_broken_off_and_named(port: int) -> None:
    """uvicorn alone waits for it without end; the application shuts down, and the process ends by itself."""
    with python("-c", FLOOD, str(port), env={"APP_GRACE": "3"}) as running:
        wait_until(running, port, 200, "/")
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: running.output.count("all is sent") == 2)
            running.signal("TERM")
            end = finish(running)

    assert "uvicorn with 1 open connections" in end.output
    assert ["shut down", "closed"] == said(end, "shut down", "closed")
    assert (0, "done") == (end.code, end.outcomes["body"])


def test_an_end_in_the_middle_of_the_start_is_whole(port: int) -> None:
    """The application starts and shuts down; nobody waits for traffic that never was."""
    environ = {"APP_START": "0.3", "APP_DELAY": "15"}
    with python("-c", SERVE, str(port), "asyncio", "h11", env=environ) as running:
        running.wait_for("starting")
        running.signal("TERM")
        end = finish(running)

    assert ["starting", "shut down", "closed", "returned"] == said(end, "starting", "shut down", "closed", "returned")
    assert (0, "clean") == (end.code, end.report["verdict"])


def test_a_start_that_fails_ends_what_was_set_up(port: int) -> None:
    """With the code by which uvicorn says so: 3, or 1 before 0.50."""
    with socket.create_server(("127.0.0.1", port)), python("-c", BARE, str(port)) as running:
        end = finish(running)

    assert ["starting", "shut down", "closed"] == said(end, "starting", "shut down", "closed")
    assert end.code in {1, 3}
    assert "error" == end.report["cause"]


@pytest.mark.parametrize("leaves", [True, False], ids=["uvicorn", "uvicorn-0.41"])
def test_a_server_whose_application_fails_to_start_was_never_ready(
    leaves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that keeps traffic away may be taken back for it; before 0.50 uvicorn only comes back, and says nothing."""

    async def fails(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    async def comes_back(self: uvicorn.Server, sockets: Any = None) -> None:
        await self.lifespan.startup()
        self.should_exit = True

    if not leaves:
        monkeypatch.setattr(uvicorn.Server, "startup", comes_back)
    ender = FakeEnder()
    with pytest.raises(SystemExit) as left:
        run(ender, fails, log_level="critical")

    assert (3, ["hosted", "left with SystemExit"]) == (left.value.code, ender.story)


def test_sse_starlette_hears_of_the_end(port: int) -> None:
    """It stands in front of `Server.handle_exit`, and lets its streams end."""
    with python("-c", EVENTS, str(port)) as running, Client(port) as client:
        wait_until(running, port, 404, "/")
        events = client.ask("/events")
        running.wait_for("began")
        running.signal("TERM")
        got = events.readline()
        end = finish(running)

    assert b"data: tick\r\n" == got
    assert "told True" in end.output
    assert (0, "clean") == (end.code, end.report["verdict"])


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"workers": 4}, "workers=4: an Ender is that of one process"),
        ({"reload": True}, "reload=True"),
        ({"timeout_graceful_shutdown": 5}, "the one deadline"),
    ],
)
def test_what_cannot_be_meant_beside_an_ender_is_refused(config: dict[str, Any], text: str) -> None:
    """Before anything runs, with what to do instead."""
    with pytest.raises(HandlerError, match=text):
        run(FakeEnder(), "nowhere:app", **config)
    with pytest.raises(HandlerError, match=text):
        serve(FakeEnder(), "nowhere:app", **config).send(None)


def test_uvicorn_is_built_as_this_adapter_needs_it() -> None:
    """Each of these, should it change, makes the adapter do nothing, and no error of it would say so."""
    source = inspect.getsource(uvicorn.Server)

    assert "with self.capture_signals():" in inspect.getsource(uvicorn.Server.serve)
    assert "await self.startup(sockets=sockets)" in inspect.getsource(uvicorn.Server._serve)
    assert "await self.main_loop()" in inspect.getsource(uvicorn.Server._serve)
    assert "await asyncio.sleep(0.1)" in inspect.getsource(uvicorn.Server.main_loop)
    assert "counter = counter % 864000" in inspect.getsource(uvicorn.Server.main_loop)
    assert "self.should_exit = True" in inspect.getsource(uvicorn.Server.handle_exit)
    assert "while self.server_state.connections" in source
    assert "signal.signal" not in source.replace(inspect.getsource(uvicorn.Server.capture_signals), "")
    assert [] == [name for name in ("serve", "startup", "capture_signals") if name not in vars(Server)]
