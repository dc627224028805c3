"""The whole end of a web service, with real PostgreSQL and Redis: its report shows the steps in their order."""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from tests.integration.library_programs import LIMIT_S, Program, finish
from tests.integration.servers import free_port, listens
from tests.waits import until

EXAMPLE = Path(__file__).parents[2] / "examples" / "services" / "web_service.py"
STEPS = [
    {"readiness"}, {"balancer"}, {"drain-delay"},
    {"body", "inflight"}, {"consuming"},
    {"audit"},
    {"ledger"}, {"sessions"},
    {"consumer"}, {"cache", "database"},
    {"leader", "obligations", "scratch"}, {"last-event"},
]  # fmt: skip
"""The steps of the end; those in one set may be taken side by side."""


class Control:
    """A balancer and a taker of events; it notes how the service stood when it was told."""

    def __init__(self, port: int, url: str) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        control = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Note what is told."""
                self.rfile.read(int(self.headers.get("content-length", 0)))
                control.told.append((self.path, control.stand(port, url)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @staticmethod
    def stand(port: int, url: str) -> dict[str, Any]:
        """Return what holds of the service now."""
        with redis.Redis.from_url(url) as client:
            held = bool(client.exists("web/leader"))
        return {"accepts": listens(port), "ready": ask(port, "GET", "/readyz")[0] == 200, "leads": held}


def ask(port: int, method: str, path: str) -> tuple[int, str]:
    """Return status and body of an answer; 0 for none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


@pytest.fixture
def database(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Return a connection of the administrator, to the tables of the service."""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("DROP TABLE IF EXISTS orders, audit")
        admin.execute("CREATE TABLE orders (who text)")
        admin.execute("CREATE TABLE audit (line text)")
        yield admin


def column(database: psycopg.Connection[Any], query: str) -> list[Any]:
    """Return the first column of what *query* gives."""
    return sorted(row[0] for row in database.execute(query).fetchall())


def test_a_web_service_ends_in_order(database: psycopg.Connection[Any], postgres_url: str, redis_url: str) -> None:
    """What was in flight is answered, what was in memory is kept, and nothing is left behind."""
    port = free_port()
    control = Control(port, redis_url)
    name = "web-service"
    env = {
        "DATABASE_URL": postgres_url.replace("postgresql://", "postgresql+psycopg://") + f"?application_name={name}",
        "REDIS_URL": redis_url, "CONTROL_URL": control.url, "PORT": str(port),
    }  # fmt: skip
    slow: list[tuple[int, str]] = []
    with Program([sys.executable, str(EXAMPLE)], env=env) as running:
        running.wait_for("ready", LIMIT_S)
        scratch = Path(running.output.split("ready ")[1].split()[0])
        until(lambda: ask(port, "GET", "/readyz")[0] == 200)
        assert scratch.is_dir()
        assert (200, '{"made":"ada"}') == ask(port, "POST", "/orders/ada")
        with redis.Redis.from_url(redis_url) as client:
            client.rpush("jobs", "7")
            until(lambda: not client.llen("jobs"))
        request = threading.Thread(target=lambda: slow.append(ask(port, "POST", "/orders/bob?takes=0.5")))
        request.start()
        running.wait_for("order of bob", LIMIT_S)
        running.signal("TERM")
        ended = finish(running)
        request.join(LIMIT_S)
    control.server.shutdown()
    control.server.server_close()

    assert 0 == ended.code, ended.output
    assert "clean" == ended.report["verdict"], ended.report["handlers"]
    handlers = {each["name"]: each for each in ended.report["handlers"]}
    assert set(handlers) == {name for step in STEPS for name in step}
    for step, following in pairwise(STEPS):
        assert max(handlers[each]["ended_s"] for each in step) <= min(handlers[each]["started_s"] for each in following)
    # Nobody who asked was turned away, and nothing that was said to be done is lost.
    assert [(200, '{"made":"bob"}')] == slow
    assert ["ada", "bob"] == column(database, "SELECT who FROM orders")
    assert ["job 7", "order of ada", "order of bob"] == column(database, "SELECT line FROM audit")
    with redis.Redis.from_url(redis_url) as client:
        assert {b"ada": b"1", b"bob": b"1"} == client.hgetall("sessions")
        client.delete("sessions")
    # The balancer is told while requests are still taken; the last event when nothing is held any more.
    drain, event = control.told
    assert ("/drain", {"accepts": True, "ready": False, "leads": True}) == drain
    assert ("/events", {"accepts": False, "ready": False, "leads": False}) == event
    assert not scratch.exists()
    # The server notices it a moment later.
    query = f"SELECT count(*)::int FROM pg_stat_activity WHERE application_name = '{name}'"
    until(lambda: column(database, query) == [0])
