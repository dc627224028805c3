"""gunicorn on bad days: workers that are recycled, reloaded, given up, asked too early, or told to be quick."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import textwrap
from pathlib import Path

from tests.integration.frameworks import Served, ask, begun, rest
from tests.integration.library_programs import LIMIT_S, finish
from tests.waits import until

APP = """
import os, sys, threading, time
from processender import Ender
from processender.integrations.gunicorn import configure
from processender.integrations.wsgi import EnderMiddleware

def say(*words):
    os.write(1, (' '.join(map(str, words)) + '\\n').encode())

pythonpath = {place!r}
worker_class, threads, control_socket_disable = 'gthread', 4, True
drain_delay, grace, quick = 0, 20, 2.0
ender_grace = 20
{more}
ender = Ender('web', grace=ender_grace, drain_delay=drain_delay, on_drain='fail-readiness', limits={{'stream': 0.2}})
held = threading.Event()

def numbers():
    say('begun')
    while True:
        yield b'.' * 65536

def answer(environ, start_response):
    if environ['PATH_INFO'] == '/stuck':
        say('begun')
        held.wait()
    if environ['PATH_INFO'] == '/numbers':
        start_response('200 OK', [])
        return numbers()
    start_response('200 OK', [('Content-Length', '3')])
    return [b'ok\\n']

@ender.handler(phase='flush', importance='must', expected=0.3)
def flush(ctx):
    if os.environ.get('SLOW_FLUSH'):
        threading.Event().wait(float(os.environ['SLOW_FLUSH']))
    say('flushed', ctx.cause)

app = EnderMiddleware(answer, ender)
globals().update(configure('web:ender', grace=grace, quick=quick))
"""


def gunicorn(tmp_path: Path, more: str = "", *args: str, **env: str) -> Served:
    """Return gunicorn with one worker; *more* stands in its configuration, which is its application too."""
    file = tmp_path / "web.py"
    file.write_text(APP.format(place=str(tmp_path), more=textwrap.dedent(more)))
    bind = () if "-b" in args else ("-b", "127.0.0.1:PORT")
    return Served([sys.executable, "-m", "gunicorn", "-c", str(file), "-w", "1", *bind, *args, "web:app"], env=env)


def test_a_worker_that_cleans_up_longer_than_the_timeout_is_not_killed(tmp_path: Path) -> None:
    """The master takes a silent worker for a dead one; a recycled worker cleans up while its master looks at it."""
    with gunicorn(tmp_path, "timeout = 1; max_requests = 2", SLOW_FLUSH="2.5") as web:
        web.until_ready()
        assert ask(web.port, "/")[0] == 200
        web.wait_for("flushed exit", LIMIT_S)
        web.signal("TERM")
        end = finish(web)

    assert "WORKER TIMEOUT" not in end.output
    assert 0 == end.code


def test_a_worker_that_was_given_up_uses_what_is_left(tmp_path: Path) -> None:
    """Its main thread is stuck; the master kills it a second after it has given it up."""
    with gunicorn(tmp_path, "timeout = 1; threads = 1; worker_class = 'sync'") as web:
        web.until_ready()
        connection = begun(web.port, "/stuck")
        web.wait_for("WORKER TIMEOUT", LIMIT_S)
        web.wait_for("flushed worker timeout", LIMIT_S)
        connection.close()
        web.until_ready()
        web.signal("TERM")
        end = finish(web)

    assert 2 == end.output.count("Booting worker")


def test_the_masters_deadline_holds_where_the_enders_own_is_longer(tmp_path: Path) -> None:
    """A request that never ends is named by its worker, which is gone before the master kills it."""
    with gunicorn(tmp_path, "grace = 4; ender_grace = 60") as web:
        web.until_ready()
        connection = begun(web.port, "/stuck")
        web.wait_for("begun", LIMIT_S)
        web.signal("TERM")
        end = finish(web)
        connection.close()

    assert ["GET /stuck"] == end.report["in_flight"]
    assert ("told", 4) == (end.report["window"]["kind"], round(end.report["window"]["length_s"]))
    assert "SIGKILL" not in end.output


def test_a_client_that_never_reads_is_cut_and_named(tmp_path: Path) -> None:
    """Its thread waits in `send`, and gunicorn would wait for it until the master kills the worker."""
    with gunicorn(tmp_path) as web:
        web.until_ready()
        connection = begun(web.port, "/numbers")
        web.wait_for("begun", LIMIT_S)
        web.signal("TERM")
        end = finish(web)
        connection.close()

    assert [("GET /numbers", "the limit of stream, 0.2 s, is over")] == [
        (each["what"], each["reason"]) for each in end.report["cut"]
    ]
    assert (0, "clean") == (end.code, end.report["verdict"])


def test_quit_is_quick(tmp_path: Path) -> None:
    """What is under way is cut, and the plan still runs."""
    with gunicorn(tmp_path) as web:
        web.until_ready()
        connection = begun(web.port, "/stuck")
        web.wait_for("begun", LIMIT_S)
        web.signal("QUIT")
        answer = rest(connection)
        end = finish(web)

    assert "" == answer
    assert 2 == round(end.report["window"]["length_s"])
    assert "SIGKILL" not in end.output


def test_a_reload_loses_nothing(tmp_path: Path) -> None:
    """Old workers leave in order while new ones are there."""
    with gunicorn(tmp_path, "drain_delay = 0.5") as web:
        web.until_ready()
        web.signal("HUP")
        answered = []
        while "flushed SIGTERM" not in web.output:
            answered.append(ask(web.port, "/")[0])
        answered.append(ask(web.port, "/")[0])
        web.signal("TERM")
        end = finish(web)

    assert {200} == set(answered)
    assert (2, 0) == (end.output.count("flushed SIGTERM"), end.code)


def test_a_unix_socket_is_reached_while_traffic_is_left(tmp_path: Path) -> None:
    """gunicorn alone removes its path at TERM, and no proxy gets through to who still serves."""
    path = tmp_path / "socket"
    with gunicorn(tmp_path, "drain_delay = 1.0", "-b", f"unix:{path}") as web:
        web.wait_for("Booting worker", LIMIT_S)
        until(lambda: _ask_unix(path) == 200)
        web.signal("TERM")
        said = set()
        while (answer := _ask_unix(path)) != "refused":
            said.add(answer)
        end = finish(web)

    assert 503 in said
    assert "FileNotFoundError" not in said
    assert (0, False) == (end.code, path.exists())


def _ask_unix(path: Path) -> object:
    connection = http.client.HTTPConnection("unix", timeout=LIMIT_S)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except ConnectionRefusedError:
        return "refused"
    except FileNotFoundError:
        # Nobody has made it yet, or all have gone.
        return "refused"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def test_a_signal_while_the_application_is_loaded_is_not_lost(tmp_path: Path) -> None:
    """The worker ends before its first request, and its master with it."""
    loading = "if sys.modules.get('web'): say('loading'); threading.Event().wait(0.5)"
    with gunicorn(tmp_path, loading) as web:
        web.wait_for("loading", LIMIT_S)
        web.signal("TERM")
        end = finish(web)

    assert 0 == end.code
    assert "Shutting down: Master" in end.output


def test_a_worker_whose_master_was_killed_ends_in_order(tmp_path: Path) -> None:
    """It notices by itself."""
    with gunicorn(tmp_path, "timeout = 2") as web:
        web.until_ready()
        os.kill(web.pid, signal.SIGKILL)
        web.wait_for("flushed exit", LIMIT_S)
