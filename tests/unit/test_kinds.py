"""What is no Ender, no engine, no queue is refused where it is given, and not by an error from the inside."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from flask import Flask

from processender import Ender, HandlerError
from processender.integrations import (
    aiohttp,
    apscheduler,
    asgi,
    caches,
    fastapi,
    granian,
    grpc,
    httpx2,
    hypercorn,
    opentelemetry,
    redis,
    sql,
    uvicorn,
    wsgi,
)
from processender.integrations.aiohttp.client import close_client
from processender.integrations.grpc import aio
from processender.integrations.gunicorn import configure

APP = Flask("app")


def ran(made: Coroutine[Any, Any, object]) -> object:
    """Run what is a coroutine to its end."""
    return asyncio.run(made)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda ender: asgi.EnderMiddleware(ender, APP), "asgi.EnderMiddleware(app, ender)"),
        (lambda ender: wsgi.EnderMiddleware(ender, APP), "wsgi.EnderMiddleware(app, ender)"),
        (lambda ender: wsgi.serve(APP, ender), "wsgi.serve(ender, server)"),
        (lambda ender: ran(uvicorn.serve(APP, ender)), "uvicorn.serve(ender, app)"),
        (lambda ender: uvicorn.run(APP, ender), "uvicorn.serve(ender, app)"),
        (lambda ender: hypercorn.run(APP, ender, None), "hypercorn.serve(ender, app, config)"),
        (lambda ender: granian.run(APP, ender), "granian.serve(ender, app)"),
        (lambda ender: aiohttp.run(APP, ender), "aiohttp.serve(ender, app)"),
        (lambda _: grpc.Host(APP), "grpc.Host(ender)"),
        (lambda _: aio.Host(APP), "grpc.aio.Host(ender)"),
        (lambda _: fastapi.Access(APP), "fastapi.Access(ender)"),
        (lambda _: configure(APP), 'configure("app:ender")'),
    ],
    ids=lambda value: value.partition("(")[0] if isinstance(value, str) else "",
)
def test_what_is_no_ender_is_refused_with_the_right_order(call: Callable[[Any], object], words: str) -> None:
    """Most often both were swapped."""
    with pytest.raises(HandlerError) as refused:
        call(Ender("web", signals=(), exit="return"))

    assert f"cannot take what is of type Flask for an Ender; write {words}" == str(refused.value)


def test_gunicorn_refuses_it_before_the_worker_has_started() -> None:
    """Later it would fork for ever: only a worker that fails before ends the master."""
    hooks = configure("tests.unit.test_kinds:APP")
    worker = type("Worker", (), {})()

    with pytest.raises(HandlerError, match="cannot take what is of type Flask for an Ender"):
        hooks["post_worker_init"](worker)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sql.close_engine("sqlite://"), "type str for an Engine; write close_engine(engine)"),
        (lambda: sql.close_async_engine("sqlite://"), "for an AsyncEngine; write close_async_engine(engine)"),
        (lambda: sql.end_transactions("sqlite://"), "for an Engine or an AsyncEngine; write end_transactions"),
        (lambda: redis.close_client("redis://:secret@host"), "type str for a client of Redis"),
        (lambda: close_client(None), "type NoneType for a ClientSession"),
        (lambda: httpx2.close_client("http://x"), "type str for a Client or an AsyncClient"),
        (lambda: opentelemetry.close_provider(None), "for a provider of OpenTelemetry"),
        (lambda: caches.flush_queue([], print), "type list for a queue; write flush_queue(queue, write)"),
        (lambda: caches.flush_queue(print, queue.Queue()), "type builtin_function_or_method for a queue"),
        (lambda: caches.flush_queue(queue.Queue(), []), "type list for a function that writes"),
        (lambda: caches.flush_dict([], print), "type list for a dict"),
        (lambda: caches.flush_handler(None), "for a Handler of logging"),
        (lambda: caches.stop_listener(queue.Queue()), "type Queue for a QueueListener"),
        (lambda: apscheduler.stop_scheduling(None), "for a scheduler of APScheduler 3"),
        (lambda: apscheduler.finish_jobs(None), "for a scheduler of APScheduler 3"),
    ],
)
def test_what_is_no_resource_of_the_kind_is_refused(call: Callable[[], object], words: str) -> None:
    """At once, and not at the end; what was given is not shown, for it may hold a password."""
    with pytest.raises(HandlerError) as refused:
        call()

    assert words in str(refused.value)
    assert "secret" not in str(refused.value)
