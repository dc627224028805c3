"""hypercorn: nothing is lost between TERM and exit, one deadline, HTTP/2, and what this rests on."""

from __future__ import annotations

import inspect
import socket
import sys
import textwrap
import threading

import h2.config
import h2.connection
import h2.events
import hypercorn.asyncio.run
import pytest
from hypercorn.asyncio import task_group

from processender.integrations.hypercorn import CONNECTION, REQUEST
from tests.integration.frameworks import Served, Story, begun, example, rest
from tests.integration.library_programs import LIMIT_S, PREAMBLE, finish

SERVER = """
from hypercorn.config import Config
from processender.integrations import hypercorn
from processender.integrations.asgi import EnderMiddleware

ender = Ender('web', grace=30, drain_delay=0, limits={'request': 0.3, 'stream': 0.3, 'server': 0.6})
ender.add(lambda: say('closed'), name='pool', phase='close')
held = asyncio.Event()
over = []

async def answer(scope, receive, send):
    if scope['type'] == 'lifespan':
        await receive()
        await send({'type': 'lifespan.startup.complete'})
        await receive()
        say('stopping')
        await send({'type': 'lifespan.shutdown.complete'})
        return
    if scope['path'] == '/numbers':
        await send({'type': 'http.response.start', 'status': 200, 'headers': []})
        say('begun')
        while True:
            await send({'type': 'http.response.body', 'body': b'.' * 65536, 'more_body': True})
    if scope['path'] == '/held':
        say('begun')
        await held.wait()
    if scope['path'] == '/deaf':
        say('begun')
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                say('swallowed')
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'2')]})
    await send({'type': 'http.response.body', 'body': b'ok'})

def configure():
    config = Config()
    config.bind = ['127.0.0.1:' + sys.argv[1]]
    return config

app = EnderMiddleware(answer, ender)
"""
UNTIL_CLOSED = """
        while True:
            try:
                (await asyncio.open_connection('127.0.0.1', int(sys.argv[1])))[1].close()
            except ConnectionRefusedError:
                break
            await asyncio.sleep(0.01)
"""
ONE = "say('code', hypercorn.run(ender, app, configure()))"
BARE = """
async def bare(scope, receive, send):
    if scope['type'] == 'http' and scope['path'] == '/readyz':
        scope = {**scope, 'path': '/'}
    await answer(scope, receive, send)
say('code', hypercorn.run(ender, bare, configure()))
"""


def served(source: str, main: str = ONE) -> Served:
    """Return the program of *source*."""
    return Served([sys.executable, "-c", PREAMBLE + textwrap.dedent(source) + main, "PORT"])


@pytest.fixture(scope="module")
def stories() -> dict[str, Story]:
    """Return what happened to the adapter, the command, and the command under the agent, beside one another."""
    command = [sys.executable, "-m", "hypercorn", "--bind", "127.0.0.1:PORT"]
    app = "examples.frameworks.hypercorn:app"
    agent = [sys.executable, "-m", "processender", "run", "--drain-delay", "1s", "--grace", "20s", "--"]
    programs = {
        "serve": example("hypercorn"),
        "command": Served([*command, "--workers", "0", app]),
        "agent": Served([*agent, *command, app]),
    }
    told: dict[str, Story] = {}
    # None starts while another leaves traffic: that has a second for it, which starting would take from it.
    ready = threading.Barrier(len(programs), timeout=LIMIT_S)

    def tell(name: str) -> None:
        with programs[name] as program:
            program.until_ready()
            ready.wait()
            told[name] = Story(program, kept=True)

    threads = [threading.Thread(target=tell, args=(name,)) for name in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


@pytest.mark.parametrize("how", ["serve", "command"])
def test_hypercorn_loses_nothing_between_term_and_exit(stories: dict[str, Story], how: str) -> None:
    """By the adapter, and by its command with the middleware alone."""
    stories[how].check()
    assert "close" == stories[how].kept_closes
    assert "the pool is closed, after the last request" in stories[how].end.lines


def test_the_command_with_workers_loses_nothing_under_the_agent(stories: dict[str, Story]) -> None:
    """hypercorn tells its workers by an event of its own; the agent waits before it asks."""
    story = stories["agent"]

    assert story.answer.startswith("HTTP/1.1 200")
    assert (0, "clean") == (story.end.code, story.end.report["verdict"])
    assert "the pool is closed, after the last request" in story.end.lines


def test_what_never_ends_and_who_never_reads_are_named_and_cut() -> None:
    """hypercorn's own three seconds are left aside; a request is told so, a full connection is broken off."""
    with served(SERVER) as web:
        web.until_ready()
        deaf, held = begun(web.port, "/numbers"), begun(web.port, "/held")
        web.wait_for_all("begun", 2)
        web.signal("TERM")
        answer = rest(held)
        end = finish(web)
        deaf.close()

    assert answer.startswith("HTTP/1.1 503")
    assert {"GET /numbers", "GET /held"} <= {each["what"] for each in end.report["cut"]}
    assert ["stopping", "closed", "code 0"] == [line for line in end.lines if line in {"stopping", "closed", "code 0"}]
    assert (0, "done", "clean") == (end.code, end.outcomes["body"], end.report["verdict"])


def test_a_bare_application_is_waited_for_too() -> None:
    """Without the middleware nobody knows its requests; hypercorn is named, and its connections are broken off."""
    with served(SERVER, BARE) as web:
        web.until_ready()
        held = begun(web.port, "/held")
        web.wait_for("begun", LIMIT_S)
        web.signal("TERM")
        answer = rest(held)
        end = finish(web)

    assert "" == answer.removesuffix(" (reset)")
    assert ["hypercorn with 1 open connections"] == [each["what"] for each in end.report["cut"]]
    assert ["stopping", "closed", "code 0"] == [line for line in end.lines if line in {"stopping", "closed", "code 0"}]
    assert (0, "clean") == (end.code, end.report["verdict"])


def test_an_application_that_swallows_its_cancellation_is_left_behind() -> None:
    """It is named; the rest of the plan runs, and the process ends."""
    with served(SERVER.replace("grace=30", "grace=4").replace("name='pool'", "importance='must', name='pool'")) as web:
        web.until_ready()
        connection = begun(web.port, "/deaf")
        web.wait_for("begun", LIMIT_S)
        web.signal("TERM")
        end = finish(web)
        connection.close()

    assert "swallowed" in end.lines
    assert "closed" in end.lines
    assert "GET /deaf" in {each["what"] for each in end.report["cut"]}


def test_a_signal_in_the_middle_of_the_lifespan_start_is_not_lost() -> None:
    """The application is up, and goes down again."""
    slow = """
    class Slow:
        async def __call__(self, scope, receive, send):
            if scope['type'] == 'lifespan':
                await receive()
                say('starting')
                while not ender.stopping.is_set():
                    await asyncio.sleep(0.01)
                await send({'type': 'lifespan.startup.complete'})
                await receive()
                say('stopping')
                await send({'type': 'lifespan.shutdown.complete'})
    asyncio.run(hypercorn.serve(ender, EnderMiddleware(Slow(), ender), configure()))
    """
    with served(SERVER, textwrap.dedent(slow)) as web:
        web.wait_for("starting", LIMIT_S)
        web.signal("TERM")
        end = finish(web)

    assert 0 == end.code
    assert ["starting", "stopping", "closed"] == [
        line for line in end.lines if line in {"starting", "stopping", "closed"}
    ]


def test_http_2_gets_goaway_behind_the_answer() -> None:
    """A request that is under way is answered; then the connection says that it takes no more."""
    with served(SERVER.replace("await held.wait()", UNTIL_CLOSED)) as web:
        web.until_ready()
        with socket.create_connection(("127.0.0.1", web.port), timeout=LIMIT_S) as sock:
            client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
            client.initiate_connection()
            fields = [(":method", "GET"), (":path", "/held"), (":scheme", "http"), (":authority", "test")]
            client.send_headers(1, fields, end_stream=True)
            sock.sendall(client.data_to_send())
            web.wait_for("begun", LIMIT_S)
            web.signal("TERM")
            seen = []
            while data := sock.recv(65536):
                seen += client.receive_data(data)
                sock.sendall(client.data_to_send())
        end = finish(web)

    kinds = [type(event) for event in seen]
    assert kinds.index(h2.events.StreamEnded) < kinds.index(h2.events.ConnectionTerminated)
    assert "clean" == end.report["verdict"]


def test_hypercorn_still_is_what_the_adapter_rests_on() -> None:
    """The order of its end; what is broken off by name is tested above."""
    source = inspect.getsource(hypercorn.asyncio.run.worker_serve)

    assert source.index("start_server(") < source.index("raise_shutdown(shutdown_trigger)")
    assert "asyncio.wait_for(gathered_server_tasks, config.graceful_timeout)" in source
    assert (hypercorn.asyncio.run.__name__, f"worker_serve.<locals>.{CONNECTION[1].rpartition('.')[2]}") == CONNECTION
    assert (task_group.__name__, task_group._handle.__qualname__) == REQUEST
    assert "_handle,\n            app," in inspect.getsource(task_group.TaskGroup.spawn_app)
    assert "async def _server_callback(reader: asyncio.StreamReader, writer: asyncio.StreamWriter)" in source
