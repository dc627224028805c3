"""Starlette and FastAPI, and the examples of these and of the rooms below them, under real servers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from processender import Ender, StateError
from processender.integrations.asgi import EnderMiddleware
from processender.integrations.fastapi import Access, Tasks
from processender.integrations.starlette import BackgroundTask, BackgroundTasks
from tests.integration.asgi_programs import Client, python, uvicorn, wait_until
from tests.integration.library_programs import finish
from tests.integration.servers import free_port
from tests.unit.serving import FakeEnder
from tests.waits import until

OF_FASTAPI = FakeEnder()
OF_FASTAPI.left = 7.5
access = Access(OF_FASTAPI)
"""Where FastAPI, which evaluates annotations, finds it."""


async def called(app: Any, path: str) -> bytes:
    """Call *app* as a server does and return the body of the answer."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "http_version": "1.1", "headers": [], "query_string": b""}
    await app(scope, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


def seen_by(ender: FakeEnder, seen: list[Any]) -> Any:
    """Return two tasks, one async and one that is not, that look at what is in flight."""

    async def send_mail(to: str) -> None:
        seen.append((to, ender.flying))

    def write_log(to: str) -> None:
        seen.append((to, ender.flying))

    return send_mail, write_log


def in_flight(name: str) -> list[tuple[str, str]]:
    """Return what is in flight while the task *name* of the request runs."""
    return [("background", "background of GET /x"), ("background", name)]


def test_a_background_task_of_starlette_has_its_name() -> None:
    """Beside the request after whose answer it runs; several run one after another."""
    ender, seen = FakeEnder(), []
    send_mail, write_log = seen_by(ender, seen)

    async def many(request: Request) -> Response:
        tasks = BackgroundTasks(ender)
        tasks.add_task(send_mail, "one")
        tasks.add_task(write_log, to="two")
        return PlainTextResponse("done", background=tasks)

    async def single(request: Request) -> Response:
        return PlainTextResponse("done", background=BackgroundTask(ender, send_mail, "three"))

    for endpoint in (many, single):
        asyncio.run(called(EnderMiddleware(Starlette(routes=[Route("/x", endpoint)]), ender), "/x"))

    assert [("one", in_flight("send_mail")), ("two", in_flight("write_log")), ("three", in_flight("send_mail"))] == seen
    assert {} == ender.live


def test_an_endpoint_of_fastapi_can_depend_on_the_ender() -> None:
    """On itself, on whether the end has begun, on the time that it leaves, and on tasks that have names."""
    seen: list[Any] = []
    send_mail, write_log = seen_by(OF_FASTAPI, seen)
    api = FastAPI()

    @api.get("/x")
    async def endpoint(
        the: Annotated[Any, Depends(access.ender)],
        stopping: Annotated[bool, Depends(access.stopping)],
        remaining: Annotated[float | None, Depends(access.remaining)],
        tasks: Annotated[Tasks, Depends(access.tasks)],
    ) -> list[Any]:
        tasks.add_task(send_mail, "one")
        tasks.add_task(write_log, to="two")
        return [the is OF_FASTAPI, stopping, remaining]

    body = asyncio.run(called(EnderMiddleware(api, OF_FASTAPI), "/x"))

    assert [True, False, 7.5] == json.loads(body)
    assert [("one", in_flight("send_mail")), ("two", in_flight("write_log"))] == seen
    assert {} == OF_FASTAPI.live


# The examples.

SLOW = ("in time\n", ["the application has shut down", "the pool is closed"])
EXAMPLES = {
    "asgi": ("GET", "/slow", *SLOW),
    "uvicorn": ("GET", "/slow", "in time\n", ["the orders are written", "that was all"]),
    "starlette": ("POST", "/orders", "ordered\n", ["mail to a@example.org is sent", "the pool is closed"]),
    "fastapi": ("POST", "/reports", '"whole":false', ["pages is sent", "the pool is closed"]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_answers_what_is_in_flight_and_ends_in_order(name: str) -> None:
    """It is started as its docstring says, and signalled in the middle of a request."""
    method, path, answer, story = EXAMPLES[name]
    port, module = free_port(), f"examples.frameworks.{name}"
    program = python("-m", module, str(port)) if name == "uvicorn" else uvicorn(port, app=f"{module}:app")
    with program as running, Client(port) as client:
        wait_until(running, port, 200)
        client.request(method, path)
        # The server has taken it when it answers what comes later.
        wait_until(running, port, 200)
        running.signal("TERM")
        body = client.getresponse().read().decode()
        end = finish(running)

    assert answer in body
    assert story == [part for line in end.lines for part in story if part in line]
    assert "clean" == end.report["verdict"]


def test_a_wrapped_application_is_tested_as_often_as_one_likes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each test client lives inside the Ender: what is declared is closed behind it, and it may come again."""
    ender = Ender("tested", grace=5.0, state=str(tmp_path / "state"))
    story: list[str] = []
    ender.add(lambda: story.append("pool closed"), name="pool", phase="close")

    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncIterator[None]:
        ender.add(lambda: story.append("client closed"), name="client", phase="flush")
        story.append("up")
        yield
        story.append("down")

    app = EnderMiddleware(Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))], lifespan=life), ender)
    for _ in range(2):
        with TestClient(app) as client:
            story.append(client.get("/").text)
            until(lambda client=client: client.get("/readyz").status_code == 200)  # type: ignore[misc]
        report = ender.report
        assert report is not None
        assert ("clean", None) == (report["verdict"], report["exit"])

    assert 2 * ["up", "here", "down", "client closed", "pool closed"] == story
    # That of SIGALRM is the time-out of the test.
    warned = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert [] == [text for text in warned if not text.startswith("SIGALRM")]


def test_an_ender_that_somebody_else_has_held_is_left_once(tmp_path: Path) -> None:
    """It is the program's, and its end was the end."""
    ender = Ender("held", state=str(tmp_path / "state"), signals=(), exit="return")
    with ender:
        pass
    with pytest.raises(StateError, match="that was left"), ender.hosted(stop=lambda: None):
        pass
