"""Granian: nothing is lost between TERM and exit, by its embedded server and by its command, and what this rests on."""

from __future__ import annotations

import inspect
import os
import sys
import textwrap
import threading
from pathlib import Path

import granian.server.mp
import pytest
from granian.server.embed import Server

from processender.integrations.granian import REQUEST
from tests.integration.frameworks import Served, Story, begun, example, rest
from tests.integration.library_programs import LIMIT_S, PREAMBLE, finish

SERVER = """
from processender.integrations import granian
from processender.integrations.asgi import EnderMiddleware

ender = Ender('web', grace=30, drain_delay=0, limits={'request': 0.3, 'stream': 0.3, 'server': 0.6})
ender.add(lambda: say('closed'), name='pool', phase='close')
held = asyncio.Event()

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
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'2')]})
    await send({'type': 'http.response.body', 'body': b'ok'})

async def bare(scope, receive, send):
    if scope['type'] == 'http' and scope['path'] == '/readyz':
        scope = {**scope, 'path': '/'}
    await answer(scope, receive, send)

def main(app, **options):
    say('code', granian.run(ender, app, address='127.0.0.1', port=int(sys.argv[1]), **options))
"""


def served(main: str) -> Served:
    """Return the program that serves by *main*."""
    return Served([sys.executable, "-c", PREAMBLE + SERVER + textwrap.dedent(main), "PORT"])


@pytest.fixture(scope="module")
def stories() -> dict[str, Story]:
    """Return what happened to the adapter and to the command, beside one another."""
    argv = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", "PORT"]
    programs = {"serve": example("granian"), "command": Served([*argv, "examples.frameworks.granian:app"])}
    told: dict[str, Story] = {}

    def tell(name: str) -> None:
        with programs[name] as program:
            told[name] = Story(program.until_ready(), kept=True)

    threads = [threading.Thread(target=tell, args=(name,)) for name in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


@pytest.mark.parametrize("how", ["serve", "command"])
def test_granian_loses_nothing_between_term_and_exit(stories: dict[str, Story], how: str) -> None:
    """By the adapter, and by its command with the middleware alone: each worker is asked by its own handler."""
    stories[how].check()
    assert "close" == stories[how].kept_closes
    assert "the pool is closed, after the last request" in stories[how].end.lines


def test_what_never_ends_and_who_never_reads_are_named_and_cut() -> None:
    """Granian waits for both without end; the lifespan is shut down all the same."""
    with served("main(EnderMiddleware(answer, ender))") as web:
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


def test_a_bare_application_is_waited_for_too() -> None:
    """Without the middleware nobody knows its requests; Granian is named, and their tasks are cancelled."""
    with served("main(bare)") as web:
        web.until_ready()
        held = begun(web.port, "/held")
        web.wait_for("begun", LIMIT_S)
        web.signal("TERM")
        rest(held)
        end = finish(web)

    assert ["granian with 1 requests under way"] == [each["what"] for each in end.report["cut"]]
    assert ["stopping", "closed"] == [line for line in end.lines if line in {"stopping", "closed"}]


RSGI = """
async def rsgi(scope, protocol):
    protocol.response_str(200, [('content-type', 'text/plain')], 'ready')
main(rsgi, interface='rsgi')
"""
NO_LIFESPAN = """
async def none(scope, receive, send):
    assert scope['type'] == 'http'
    await bare(scope, receive, send)
main(none)
"""


@pytest.mark.parametrize("main", [RSGI, NO_LIFESPAN], ids=["rsgi", "no lifespan"])
def test_an_application_without_a_lifespan_is_ready_too(main: str) -> None:
    """It is served, and ends."""
    with served(main) as web:
        web.until_ready()
        web.signal("TERM")
        end = finish(web)

    assert (0, "clean") == (end.code, end.report["verdict"])
    assert "readiness" in end.outcomes


def test_an_application_that_fails_to_start_ends_the_process() -> None:
    """The plan runs, because of an error."""
    failing = """
    async def failing(scope, receive, send):
        await receive()
        await send({'type': 'lifespan.startup.failed', 'message': 'no database'})
    main(failing)
    """
    with served(failing) as web:
        end = finish(web)

    assert "closed" in end.lines
    assert "ready" not in {notice["cause"] for notice in end.report["notices"]}


SLOW = """
async def slow(scope, receive, send):
    if scope['type'] == 'lifespan':
        await receive()
        say('starting')
        await asyncio.sleep(0.3)
        await send({'type': 'lifespan.startup.complete'})
        await receive()
        say('stopping')
        await send({'type': 'lifespan.shutdown.complete'})
app = EnderMiddleware(slow, ender)
"""


@pytest.mark.parametrize("how", ["adapter", "command"])
def test_an_end_in_the_middle_of_the_start_is_whole(tmp_path: Path, how: str) -> None:
    """The application starts and shuts down; then what it uses is closed."""
    (tmp_path / "slow_app.py").write_text(PREAMBLE + SERVER + SLOW)
    command = ["-m", "granian", "--interface", "asgi", "--port", "PORT", "slow_app:app"]
    adapter = ["-c", "import slow_app; slow_app.main(slow_app.app)", "PORT"]
    path = {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    with Served([sys.executable, *(command if how == "command" else adapter)], env=path) as web:
        web.wait_for("starting", LIMIT_S)
        web.signal("TERM")
        end = finish(web)

    assert ["starting", "stopping", "closed"] == [
        line for line in end.lines if line in {"starting", "stopping", "closed"}
    ]
    assert (0, "clean") == (end.code, end.report["verdict"])


def test_granian_still_is_what_the_adapter_rests_on() -> None:
    """What is broken off by name is tested above; here is why its command needs the middleware only."""
    worker = inspect.getsource(granian.server.mp.MPServer._spawn_asgi_lifespan_worker)

    assert worker.index("set_loop_signals(loop)") < worker.index("lifespan_handler.startup()")
    assert REQUEST[1].split(".")[0] in vars(sys.modules[REQUEST[0]])
    assert callable(Server.stop)
    assert callable(Server.on_startup)
