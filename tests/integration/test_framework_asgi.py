"""The ASGI middleware under uvicorn as its command line starts it: uvicorn does not know that there is an Ender."""

from __future__ import annotations

import http.client
import signal
import socket
import sys

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from processender.testing.processes import Program
from tests.integration.asgi_programs import HERE, Client, python, status, uvicorn, wait_until
from tests.integration.library_programs import LIMIT_S, End, finish
from tests.integration.servers import free_port


@pytest.fixture
def port() -> int:
    """Return a free port."""
    return free_port()


def ended(running: Program) -> End:
    """Ask *running* to end and return how it did."""
    running.signal("TERM")
    return finish(running)


def said(end: End, *words: str) -> list[str]:
    """Return the lines of the application that are among *words*."""
    return [line for line in end.lines if line in words]


@pytest.mark.parametrize(("loop", "protocol"), [("asyncio", "h11"), ("uvloop", "httptools")])
def test_what_is_in_flight_is_answered_before_the_application_shuts_down(port: int, loop: str, protocol: str) -> None:
    """Background work too, and only then anything closes; uvicorn dies of the signal, as without the Ender."""
    with uvicorn(port, "--loop", loop, "--http", protocol) as running, Client(port) as one, Client(port) as other:
        wait_until(running, port, 200)
        assert b"whole" == one.ask("/background").read()
        held = other.ask("/held")
        running.signal("TERM")
        body = held.read()
        end = finish(running)

    assert b"whole" == body
    story = ["starting", "background work is done", "shut down", "closed"]
    assert story == said(end, *story)
    assert (-signal.SIGTERM, "clean") == (end.code, end.report["verdict"])
    assert {"done"} == set(end.outcomes.values())


def test_traffic_is_served_while_it_is_left_and_websockets_go_away_at_the_end_of_it(port: int) -> None:
    """Readiness fails first; an answer closes its connection; an upgrade in the middle of the drain is served."""
    with uvicorn(port, env={"APP_DELAY": "1"}) as running, Client(port) as client:
        wait_until(running, port, 200)
        with connect(f"ws://127.0.0.1:{port}/") as early:
            assert b"whole" == client.ask("/quick").read()
            running.signal("TERM")
            wait_until(running, port, 503)
            live = status(port, "/livez")
            answer = client.ask("/quick")
            closes = answer.getheader("connection")
            answer.read()
            with connect(f"ws://127.0.0.1:{port}/") as late:
                late.send("hello")
                echo = late.recv()
                codes = []
                for each in (early, late):
                    with pytest.raises(ConnectionClosed) as closed:
                        each.recv(LIMIT_S)
                    codes.append(closed.value.rcvd.code)
        end = finish(running)

    assert (200, "close", "hello", [1001, 1001]) == (live, closes, echo, codes)
    assert 2 == end.output.count("websocket left with 1001")
    assert "clean" == end.report["verdict"]


def test_streams_that_never_end_are_cut_and_named(port: int) -> None:
    """Events end in order at once; another stream has the time of its kind, and its client sees that it is not whole."""
    with uvicorn(port) as running, Client(port) as one, Client(port) as other:
        wait_until(running, port, 200)
        events, endless = one.ask("/events"), other.ask("/endless")
        running.signal("TERM")
        got = events.read()
        with pytest.raises(http.client.IncompleteRead):
            endless.read()
        end = finish(running)

    assert got.endswith(b"data: tick\n\n")
    cuts = [line for line in end.lines if line.startswith("cut ")]
    assert ["GET /events", "GET /endless"] == [line.rpartition(": ")[2] for line in cuts]
    assert ["shut down", "closed"] == said(end, "shut down", "closed")


@pytest.mark.parametrize("path", ["/deaf", "/flood"])
def test_what_nothing_ends_is_bounded_and_named(port: int, path: str) -> None:
    """An application that swallows its cancellation, and a client that never reads: uvicorn would wait for ever."""
    with uvicorn(port, env={"APP_GRACE": "2.5"}) as running:
        wait_until(running, port, 200)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            running.wait_for(f"began {path}")
            end = ended(running)

    assert "closed" in end.lines
    assert f"GET {path}" in end.output
    assert "done" == end.outcomes["pool"]
    assert "done" != end.outcomes["body"]
    assert (128 + signal.SIGTERM, "degraded") == (end.code, end.report["verdict"])


@pytest.mark.parametrize("moment", ["starting", "idle"])
def test_an_end_before_the_first_request_is_whole(port: int, moment: str) -> None:
    """In the middle of the application's start too: it starts, and shuts down; a drain delay would be for nobody."""
    with uvicorn(port, env={"APP_START": "0.5", "APP_DELAY": "15"} if moment == "starting" else {}) as running:
        running.wait_for("starting")
        if moment == "idle":
            wait_until(running, port, 200)
        end = ended(running)

    assert ["starting", "shut down", "closed"] == said(end, "starting", "shut down", "closed")
    assert "clean" == end.report["verdict"]


@pytest.mark.parametrize("options", [("--workers", "2"), ("--reload",)], ids=["workers", "reload"])
def test_every_worker_ends_well(port: int, options: tuple[str, ...]) -> None:
    """Each has an Ender of its own; the parent, which has none, waits for them."""
    workers = 2 if "2" in options else 1
    with uvicorn(port, *options) as running:
        wait_until(running, port, 200)
        while running.output.count("starting") < workers:
            status(port)
        end = ended(running)

    assert workers == end.lines.count("shut down") == end.lines.count("closed")
    assert 0 == end.code


def test_the_agent_in_front_tells_the_application_the_deadline(port: int) -> None:
    """The Ender joins it from inside the worker, and uvicorn's signal is one of the ladder's."""
    with python(
        "-m", "processender", "run", "--", sys.executable, "-m", "uvicorn", f"{HERE}:app", "--port", str(port)
    ) as running:
        wait_until(running, port, 200)
        with Client(port) as client:
            held = client.ask("/held")
            running.signal("TERM")
            body = held.read()
        end = finish(running)

    assert b"whole" == body
    assert ["shut down", "closed"] == said(end, "shut down", "closed")


def test_a_server_without_lifespan_is_told_of_once(port: int) -> None:
    """It serves, readiness stays false, and its end is its own."""
    with uvicorn(port, "--lifespan", "off") as running:
        wait_until(running, port, 200, "/quick")
        answers = [status(port, path) for path in ("/quick", "/readyz", "/livez")]
        running.signal("TERM")
        code = running.wait(LIMIT_S)
        output = running.output

    assert ([200, 503, 200], -signal.SIGTERM) == (answers, code)
    assert 1 == output.count("switch lifespan on")


def test_a_drain_is_asked_for_and_taken_back_with_the_token(port: int) -> None:
    """Who asked is in the log; the process goes on serving."""
    token = {"Authorization": "Bearer s3cret"}
    with uvicorn(port) as running, Client(port) as client:
        wait_until(running, port, 200)
        refused = client.ask("/drain", "POST")
        refused.read()
        done = client.ask("/drain", "POST", **token)
        done.read()
        wait_until(running, port, 503)
        served = client.ask("/quick")
        served.read()
        client.ask("/resume", "POST", **token).read()
        wait_until(running, port, 200)
        client.ask("/drain", "POST", **token).read()
        wait_until(running, port, 503)
        end = ended(running)

    assert (401, 202, 200, "close") == (refused.status, done.status, served.status, served.getheader("connection"))
    assert ["POST /drain from 127.0.0.1", ""] == [each["sender"] for each in end.report["notices"]]
    assert "clean" == end.report["verdict"]


def test_readiness_is_asked_a_thousand_times_a_second_for_nothing(port: int) -> None:
    """No request of it is in flight, and the service answers meanwhile."""
    with uvicorn(port) as running, Client(port) as client:
        wait_until(running, port, 200)
        statuses = set()
        for _ in range(1000):
            answer = client.ask("/readyz")
            answer.read()
            statuses.add(answer.status)
        body = client.ask("/quick").read()
        end = ended(running)

    assert ({200}, b"whole") == (statuses, body)
    assert "readyz" not in str(end.report)
