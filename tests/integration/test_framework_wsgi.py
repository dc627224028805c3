"""Flask under Werkzeug and Django under wsgiref, as the examples serve them, and the bad days of servers of threads."""

from __future__ import annotations

import sys
import textwrap

import pytest

from tests.integration.frameworks import TOKEN, Served, Story, ask, begun, example, rest
from tests.integration.library_programs import LIMIT_S, PREAMBLE, finish, program
from tests.waits import until

SERVER = """
import socketserver
from wsgiref.simple_server import WSGIServer, make_server
from processender.integrations import wsgi

ender = Ender('web', grace=3, drain_delay=0, limits={'stream': 0.2})
ender.add(lambda: say('closed'), name='pool', phase='close')

class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

def chunks(environ):
    say('begun')
    while True:
        yield b'.' * 65536

def app(environ, start_response):
    if environ['PATH_INFO'] == '/stuck':
        say('begun')
        time.sleep(1000)
    if environ['PATH_INFO'] == '/numbers':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return chunks(environ)
    start_response('200 OK', [('Content-Length', '2')])
    return [b'ok']

application = wsgi.EnderMiddleware(app, ender)
"""
WERKZEUG = """
from werkzeug.serving import make_server
wsgi.serve(ender, make_server('127.0.0.1', int(sys.argv[1]), application, threaded=True))
"""
WSGIREF = """
wsgi.serve(ender, make_server('127.0.0.1', int(sys.argv[1]), application, Server))
"""


def served(source: str) -> Served:
    """Return the program of *source*."""
    return Served([sys.executable, "-c", PREAMBLE + textwrap.dedent(source), "PORT"])


def test_flask_loses_nothing_between_term_and_exit() -> None:
    """Readiness fails first, requests are answered, the slow one too, then the pool is closed."""
    with example("wsgi_flask") as flask:
        port = flask.until_ready().port
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        asked = [ask(port, "/drain", "POST", Authorization="Bearer other")[0], ask(port, "/drain", "POST", **bearer)[0]]
        until(lambda: ask(port, "/readyz")[0] == 503)
        asked += [ask(port, "/")[0], ask(port, "/resume", "POST", **bearer)[0]]
        until(lambda: ask(port, "/readyz")[0] == 200)
        story = Story(flask)

    story.check()
    assert [403, 202, 200, 202] == asked
    assert "the pool is closed, after the last request" in story.end.lines


def test_django_closes_its_connections_behind_the_last_request() -> None:
    """Those of all threads, by a thread that has made none of them."""
    with example("django") as django:
        story = Story(django.until_ready())

    story.check()
    handler = story.end.handler("django-connections")
    assert story.end.handler("inflight")["ended_s"] <= handler["started_s"]


DJANGO = """
from django.conf import settings
from processender.integrations import django
settings.configure(DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': sys.argv[1]}})
import django as root
root.setup()
from django.db import connection, connections, transaction

ender = Ender('django', grace=20)
ender.add(django.close_connections())
told, over = threading.Barrier(4), threading.Event()

def broken():
    def fail():
        raise OSError('the socket is gone')
    connection.cursor().execute('SELECT 1')
    connections['default'].close = fail
    connections['default'].close_pool = lambda: say('pool closed')
    told.wait()
    over.wait()

def plain():
    connection.cursor().execute('CREATE TABLE kept (n INTEGER)')
    told.wait()
    over.wait()
    say('plain', connection.connection is None)

def inside():
    with transaction.atomic():
        connection.cursor().execute('SELECT 1')
        told.wait()
        over.wait()
        say('inside', connection.closed_in_transaction)

threads = [threading.Thread(target=target) for target in (broken, plain, inside)]
with ender:
    for thread in threads:
        thread.start()
    told.wait()
over.set()
"""


def test_connections_of_threads_that_live_are_closed_by_another(tmp_path) -> None:
    """A transaction that nobody has ended is rolled back, and named; what fails to close holds up no other."""
    with program(DJANGO, str(tmp_path / "database")) as running:
        end = finish(running)

    assert ["inside True", "plain True"] == sorted(line for line in end.lines if line.endswith(("True", "False")))
    rolled_back = "rolled back a transaction of 'default' that nobody has ended"
    handler = end.handler("django-connections")
    assert [rolled_back, "2 connections closed"] == handler["notes"]
    assert "pool closed" in end.lines
    assert ("failed", True) == (handler["outcome"], "'default': OSError: the socket is gone" in handler["error"])


def test_a_client_that_never_reads_is_cut_and_named() -> None:
    """Its thread waits in `send`; it is woken by the end of its connection."""
    with served(SERVER + WERKZEUG) as web:
        web.until_ready()
        connection = begun(web.port, "/numbers")
        web.wait_for("begun", LIMIT_S)
        web.signal("TERM")
        end = finish(web)
        connection.close()

    assert (0, "clean") == (end.code, end.report["verdict"])
    assert [("GET /numbers", "the limit of stream, 0.2 s, is over")] == [
        (each["what"], each["reason"]) for each in end.report["cut"]
    ]


def test_a_stream_that_never_ends_is_cut_where_its_server_shows_no_connection() -> None:
    """At its next chunk: the client sees that it is not whole."""
    with served(SERVER + WSGIREF) as web:
        web.until_ready()
        connection = begun(web.port, "/numbers")
        web.wait_for("begun", LIMIT_S)
        web.signal("TERM")
        answer = rest(connection)
        end = finish(web)

    assert answer.startswith("HTTP/1.0 200 OK")
    assert ["GET /numbers"] == [each["what"] for each in end.report["cut"]]
    assert "clean" == end.report["verdict"]


def test_a_thread_that_never_comes_back_is_named_and_left_behind() -> None:
    """Nobody can interrupt it; the process ends in time without it."""
    with served(SERVER + WSGIREF) as web:
        web.until_ready()
        connection = begun(web.port, "/stuck")
        web.wait_for("begun", LIMIT_S)
        web.signal("TERM")
        end = finish(web)
        connection.close()

    assert ["GET /stuck"] == end.report["in_flight"]
    assert "degraded" == end.report["verdict"]
    assert "GET /stuck" in end.handler("inflight")["error"]


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_signal_before_the_first_request_ends_at_once(name: str) -> None:
    """There is nothing to wait for."""
    with served(SERVER + "ender.install(); say('starting')" + WSGIREF) as web:
        web.until_ready()
        web.signal(name)
        end = finish(web)

    assert (0, "clean") == (end.code, end.report["verdict"])
    assert "closed" in end.lines


def test_a_signal_during_start_up_is_not_lost() -> None:
    """The server stops as soon as it is there, or is never started; what was registered is closed."""
    starting = "ender.install(); say('starting'); ender.stopping.wait()\n" + WSGIREF
    with program(SERVER + starting, "0") as web:
        web.wait_for("starting", LIMIT_S)
        web.signal("TERM")
        end = finish(web)

    assert (0, "clean") == (end.code, end.report["verdict"])
    assert "closed" in end.lines
