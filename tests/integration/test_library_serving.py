"""An Ender of a program that serves: traffic is away before anything closes, and a server's signals are its own."""

from __future__ import annotations

import pytest

from tests.integration.library_programs import finish, program, run

SERVER = """
ender = Ender('web', grace=20, drain_delay=0.2, on_drain='fail-readiness')
ender.add(lambda: say('closed'), name='pool', phase='close')
"""

OWN_SIGNAL = (
    SERVER
    + """
over = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: (say('asked', ender.serving, ender.draining), over.set()))
with ender.hosted():
    ender.ready()
    say('ready', ender.serving, ender.draining)
    while not over.wait(0.05):
        pass
    say('stopped')
"""
)

OWN_LOOP = (
    SERVER
    + """
if %r: import uvloop
async def main():
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: (say('asked', ender.serving), over.set()))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: say('usr1'))
    async with ender.hosted():
        ender.ready()
        say('ready')
        await over.wait()
        say('stopped')
(uvloop if %r else asyncio).run(main())
"""
)

STOPPED = (
    SERVER
    + """
async def main():
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with ender.hosted(stop=lambda: loop.call_soon_threadsafe(over.set)):
        ender.ready()
        say('ready')
        await over.wait()
        say('stopped')
asyncio.run(main())
"""
)

LASTING = """
ender = Ender('web', grace=20)
ender.add(Handler('balancer', lambda: say('left'), phase='drain', resume=lambda ctx: say('back', ctx.cause), lasting=True))
with ender:
    ender.ready()
    ender.stopping.wait()
"""


def test_a_server_is_asked_by_its_own_handler_after_traffic_has_left() -> None:
    """Not as the signal comes: readiness fails first, and everybody gets the time to notice."""
    end = run(OWN_SIGNAL, "TERM")

    assert ["ready True False", "asked False True", "stopped", "closed"] == [
        line for line in end.lines if line.split()[0] in {"ready", "asked", "stopped", "closed"}
    ]
    names = ["readiness", "drain-delay", "body", "pool"]
    assert (names, {"done"}) == ([each["name"] for each in end.report["handlers"]], set(end.outcomes.values()))
    assert end.handler("body")["started_s"] >= 0.2


@pytest.mark.parametrize("uvloop", [False, True], ids=["asyncio", "uvloop"])
def test_a_server_that_hears_signals_by_its_loop_is_asked_by_its_loop(uvloop: bool) -> None:
    """Also where the loop has the wakeup descriptor; signals that are not ours reach it all the time."""
    with program(OWN_LOOP % (uvloop, uvloop)) as running:
        running.wait_for("ready")
        running.signal("USR1")
        running.wait_for("usr1")
        running.signal("TERM")
        end = finish(running)

    assert ["asked False", "stopped", "closed"] == [
        line for line in end.lines if line.split()[0] in {"asked", "stopped", "closed"}
    ]
    assert "clean" == end.report["verdict"]


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_server_is_asked_by_what_was_given(name: str) -> None:
    """Whatever the notice was."""
    end = run(STOPPED, name)

    assert (0, "clean") == (end.code, end.report["verdict"])
    assert end.lines.index("stopped") < end.lines.index("closed")


def test_a_server_that_ends_by_itself_ends_the_process_well() -> None:
    """The plan runs although nobody has asked for it."""
    end = run(STOPPED.replace("await over.wait()", "pass"))

    assert ("exit", "clean") == (end.report["cause"], end.report["verdict"])


def test_a_server_without_a_handler_of_its_own_is_named() -> None:
    """Nobody could ask it; the end goes on without it, and says so when its time is up."""
    end = run(
        OWN_SIGNAL.replace("signal.signal(signal.SIGTERM", "(lambda *_: 0)(0").replace("grace=20", "grace=2"), "TERM"
    )

    assert "deaf-server" in end.troubles


def test_a_server_that_nobody_can_ask_and_that_ends_in_time_is_nobodys_trouble() -> None:
    """Its own master has told it, or it sees by itself that the end has come: nobody has to act."""
    source = OWN_SIGNAL.replace("signal.signal(signal.SIGTERM", "(lambda *_: 0)(0")
    end = run(source.replace("over.wait(0.05)", "ender.stopping.wait(0.05)"), "TERM")

    assert ([], "clean") == (end.troubles, end.report["verdict"])


def test_the_exit_code_of_a_server_that_is_asked_by_its_own_handler_is_its_own() -> None:
    """It may end by the signal itself, as uvicorn does; the report claims nothing. A server that is told is ours."""
    assert [None, 0] == [run(source, "TERM").report["exit"] for source in (OWN_SIGNAL, STOPPED)]


def test_what_an_earlier_process_has_left_is_taken_back_when_it_serves() -> None:
    """And is left again at the end."""
    end = run(LASTING, "TERM", after="back ready")

    assert ["back ready", "left"] == [line for line in end.lines if line.split()[0] in {"back", "left"}]


def test_the_end_waits_for_the_way_back() -> None:
    """Whoever left traffic while it still comes back could find it back afterwards."""
    slow = LASTING.replace("lambda ctx: say('back', ctx.cause)", "lambda: (say('begun'), time.sleep(0.5), say('back'))")
    end = run(slow, "TERM", after="begun")

    assert ["begun", "back", "left"] == [line for line in end.lines if line.split()[0] in {"begun", "back", "left"}]


def test_a_way_back_that_fails_is_told() -> None:
    """Traffic may still be away."""
    bad = LASTING.replace("lambda ctx: say('back', ctx.cause)", "lambda: 1 / 0") + "\nsay('over')"
    with program(bad.replace("ender.stopping.wait()", "say('ready'); ender.stopping.wait()")) as running:
        running.wait_for("could not be brought back")
        running.signal("TERM")
        end = finish(running)

    (told,) = [each["text"] for each in end.report["troubles"] if each["code"] == "not-resumed"]
    assert "'balancer' could not be brought back: ZeroDivisionError" in told
    assert told.endswith("unless that is mended the drainer will not work at the end either")


def test_a_drain_is_taken_back_with_readiness() -> None:
    """And begins anew afterwards."""
    end = run(
        STOPPED.replace(
            "await over.wait()",
            """
        ender.drain()
        while not ender.draining: await asyncio.sleep(0.01)
        while ender.serving: await asyncio.sleep(0.01)
        ender.resume()
        while not ender.serving: await asyncio.sleep(0.01)
        say('again', ender.draining)
        ender.stop()
        await over.wait()""",
        )
    )

    assert "again False" in end.lines
    assert "clean" == end.report["verdict"]


def test_work_that_does_not_end_is_cut_and_named() -> None:
    """The report says what, and why."""
    end = run(
        STOPPED.replace(
            "say('ready')",
            """
        work = ender.inflight('GET /feed', kind='events')
        work.cut = work.end
        work.begin()
        say('ready')""",
        ),
        "TERM",
    )

    assert [("GET /feed", "the limit of events, 0 s, is over")] == [
        (cut["what"], cut["reason"]) for cut in end.report["cut"]
    ]
    assert "clean" == end.report["verdict"]


def test_a_handler_notes_what_it_saw() -> None:
    """For the log, and for the report."""
    end = run(
        STOPPED.replace(
            "async def main", "ender.add(lambda ctx: ctx.note('3 rows'), name='rows', phase='flush')\nasync def main"
        ),
        "TERM",
    )

    assert ["3 rows"] == end.handler("rows")["notes"]
    assert "rows: 3 rows" in end.output


@pytest.mark.parametrize(
    ("environ", "delay", "first"),
    [
        ({}, 0.0, "readiness"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, 5.0, "drain-delay"),
        ({"NOMAD_ALLOC_ID": "x"}, 5.0, "readiness"),
    ],
    ids=["alone", "kubernetes", "nomad"],
)
def test_the_delay_is_that_of_the_place(environ: dict[str, str], delay: float, first: str) -> None:
    """None outside an orchestrator; in a pod readiness passes until it is over."""
    end = run("""
        ender = Ender('web')
        with ender.hosted(stop=lambda: None):
            ender.ready()
            steps = ender.plan().in_order()
            say([step.handler for step in steps][0], [h.expected for h in ender._registry.handlers() if h.name == 'drain-delay'][0])
            os._exit(0)
    """, env=environ)  # fmt: skip

    assert f"{first} {delay}" in end.output


INSIDE = (
    SERVER
    + """
async def main():
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with ender.hosted(stop=lambda: loop.call_soon_threadsafe(over.set)):
        async with ender.hosted():
            ender.ready()
            say('ready')
            await over.wait()
        say('inner left')
    say('outer left')
asyncio.run(main())
"""
)

BESIDE = (
    SERVER
    + """
def serve(name):
    over = threading.Event()
    with ender.hosted(stop=over.set):
        say(name, 'serves')
        over.wait()
        say(name, 'stopped')
    say(name, 'left')
threads = [threading.Thread(target=serve, args=(name,)) for name in ('one', 'two')]
ender.install()
for thread in threads:
    thread.start()
    time.sleep(0.2)
ender.ready()
say('ready')
for thread in threads:
    thread.join()
"""
)


def test_a_server_inside_another_leaves_without_waiting_for_the_end() -> None:
    """A middleware and the adapter of its server both host it: the end goes on when the outer one is left."""
    end = run(INSIDE, "TERM")

    assert ["inner left", "closed", "outer left"] == [
        line for line in end.lines if line.split()[0] in {"inner", "closed", "outer"}
    ]
    assert (0, "clean") == (end.code, end.report["verdict"])


def test_servers_beside_one_another_are_all_asked_and_leave_together() -> None:
    """Each on a thread of its own: whoever is first waits there for the end, whose handlers may need its loop."""
    end = run(BESIDE, "TERM")
    said = [line for line in end.lines if line.split()[0] in {"one", "two", "closed"}]

    assert {"one stopped", "two stopped"} == {*said[2:4]}
    assert "closed" == said[4]
    assert {"one left", "two left"} == {*said[5:]}
    assert (0, "clean") == (end.code, end.report["verdict"])


def test_a_server_that_is_gone_is_not_given_time_to_be_left() -> None:
    """Nobody could serve the requests for which the delay is meant."""
    source = STOPPED.replace("drain_delay=0.2", "drain_delay=15.0").replace("await over.wait()", "pass")
    end = run(source)

    assert "clean" == end.report["verdict"]
    assert end.handler("drain-delay")["ended_s"] < 5.0


def test_a_block_inside_another_one_changes_nothing() -> None:
    """The adapter of a server and a middleware inside it may both bring theirs."""
    inner = "await over.wait()\n        async with ender.hosted(): say('inside')\n        say('and on')"
    end = run(STOPPED.replace("await over.wait()", inner), "TERM")

    assert ["inside", "and on", "stopped", "closed"] == [
        line for line in end.lines if line in {"inside", "and on", "stopped", "closed"}
    ]
    assert "clean" == end.report["verdict"]


def test_in_a_short_window_what_is_cut_is_named_before_its_server_must_have_left() -> None:
    """Half of the time is for leaving traffic; nothing is abandoned although the work is deaf."""
    source = STOPPED.replace("drain_delay=0.2", "drain_delay=5.0")
    deaf = """
        ender.inflight('GET /deaf', kind='request', cut=lambda: say('cut')).begin()
        ender.stop('short', within=2.0)"""
    end = run(source.replace("say('ready')", deaf))

    assert ("done", "failed", "done") == tuple(end.outcomes[name] for name in ("drain-delay", "inflight", "body"))
    assert "still in flight: GET /deaf" in end.handler("inflight")["error"]
    assert "instead of 5 s, for the time is short" in end.handler("drain-delay")["notes"][0]
    assert ("closed" in end.lines, 0) == (True, end.code)


def test_at_a_terminal_an_int_waits_for_nobody() -> None:
    """A person has pressed Ctrl-C, and no balancer is in front of it."""
    terminal = "import pty\nos.dup2(pty.openpty()[1], 0)\n"
    end = run(terminal + STOPPED.strip().replace("grace=20, drain_delay=0.2", "grace=60, drain_delay=20.0"), "INT")

    assert "clean" == end.report["verdict"]
    assert end.handler("drain-delay")["ended_s"] < 10.0


STARTED_ANEW = (
    SERVER
    + """
import uvloop
loop, over = uvloop.new_event_loop(), asyncio.Event()
host = ender.hosted()
async def start():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: (say('asked', ender.serving), over.set()))
    await host.__aenter__()
    ender.ready()
    say('ready')
async def serve():
    say('serving')
    await over.wait()
loop.run_until_complete(start())
loop.run_until_complete(serve())
loop.run_until_complete(host.__aexit__(None, None, None))
"""
)


def test_a_loop_that_is_started_anew_behind_the_start_is_not_asked_too_early() -> None:
    """uvloop takes the wakeup descriptor each time that it begins to run, as Granian's command lets it do."""
    end = run(STARTED_ANEW, "TERM", after="serving")

    assert ["asked False", "closed"] == [line for line in end.lines if line.split()[0] in {"asked", "closed"}]
    assert end.handler("body")["started_s"] >= 0.2


STUCK_VIEWS = """
import socketserver, urllib.request
from wsgiref.simple_server import WSGIServer, make_server
from processender.integrations import wsgi

class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

def stuck_in_a_view(environ, start_response):
    say('ready')
    threading.Event().wait()

ender = Ender('web', grace=2)
server = make_server('127.0.0.1', 0, wsgi.EnderMiddleware(stuck_in_a_view, ender), server_class=Server)
url = f'http://127.0.0.1:{server.server_port}/report'
threading.Thread(target=urllib.request.urlopen, args=(url,), daemon=True).start()
wsgi.serve(ender, server)
"""


def test_a_stuck_request_is_named_with_the_stack_of_its_thread() -> None:
    """So that who reads the report knows the line that does not come back."""
    end = run(STUCK_VIEWS, "TERM")

    (stuck,) = [each["stack"] for each in end.report["stuck"] if each["handler"] == "inflight"]
    assert "GET /report:" == stuck[0]
    assert any("in stuck_in_a_view" in line for line in stuck)


STUCK_ENDPOINT = """
import fastapi, urllib.request
from processender.integrations import uvicorn
from processender.integrations.asgi import EnderMiddleware
import socket

ender = Ender('web', grace=2)
app = fastapi.FastAPI()

@app.get('/report')
def stuck_in_an_endpoint():
    say('ready')
    threading.Event().wait()

listener = socket.create_server(('127.0.0.1', 0))
url = f'http://127.0.0.1:{listener.getsockname()[1]}/report'
threading.Thread(target=urllib.request.urlopen, args=(url,), daemon=True).start()
uvicorn.run(ender, EnderMiddleware(app, ender), fd=listener.fileno())
"""


def test_a_stuck_endpoint_on_a_thread_is_named_with_the_stack_of_that() -> None:
    """FastAPI runs what is no coroutine on a thread of anyio's, for which the task of the request waits."""
    end = run(STUCK_ENDPOINT, "TERM")

    (stuck,) = [each["stack"] for each in end.report["stuck"] if each["handler"] == "inflight"]
    assert any(line == "GET /report:" for line in stuck)
    assert any("in stuck_in_an_endpoint" in line for line in stuck)
