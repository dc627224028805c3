"""Pools and clients at the end, with real servers: closed when nobody uses them, and in time when somebody does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import httpx
import httpx2
import psycopg_pool
import pytest
import redis
import redis.asyncio

from processender.errors import HandlerError
from processender.integrations import aiohttp as aiohttp_room
from processender.integrations import httpx2 as httpx2_room
from processender.integrations.postgres import close_pool
from processender.integrations.redis import close_client
from tests.integration.ends import end, end_async, quiet
from tests.waits import until

LIMIT_S = 30.0


def all_gone(url: str, name: str) -> bool:
    """Wait until the server, which notices it a moment later, has no session of this name."""
    return until(lambda: not sessions(url, name))


def clients_gone(url: str, *names: str) -> bool:
    """Wait until Redis has no client of these names."""
    with redis.Redis.from_url(url) as admin:
        return until(lambda: not set(names) & {each["name"] for each in admin.client_list()})


def sessions(url: str, name: str) -> int:
    """Return how many sessions of this name the server has."""
    with psycopg_pool.ConnectionPool(url, min_size=1, max_size=1, open=True) as pool, pool.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", (name,)
        ).fetchone()
        assert row is not None
        return int(row[0])


def named(url: str, name: str) -> str:
    """Return *url* for sessions of this name."""
    return f"{url}?application_name={name}"


# PostgreSQL.


def test_a_pool_of_psycopg_closes(postgres_url: str, tmp_path: Path) -> None:
    """A connection that comes back in time is waited for."""
    pool = psycopg_pool.ConnectionPool(named(postgres_url, "sync-pool"), min_size=2, open=True)
    pool.wait()
    ending = close_pool(pool)
    taken = threading.Event()

    def late() -> None:
        with pool.connection() as connection:
            taken.set()
            connection.execute("SELECT pg_sleep(0.1)")

    with quiet(tmp_path) as ender:
        ender.add(ending)

        @ender.handler(phase="commit")
        def take() -> None:
            threading.Thread(target=late).start()
            taken.wait(LIMIT_S)

    assert ender.report is not None
    assert "clean" == ender.report["verdict"], ender.report["handlers"]
    assert pool.closed
    assert all_gone(postgres_url, "sync-pool")


def test_a_connection_of_psycopg_that_is_kept_is_counted(postgres_url: str, tmp_path: Path) -> None:
    """The wait is bounded, and it is closed when it comes back."""
    pool = psycopg_pool.ConnectionPool(named(postgres_url, "kept-pool"), min_size=1, open=True)
    connection = pool.getconn()
    report = end(tmp_path, close_pool(pool, wait=0.1))
    pool.putconn(connection)

    assert "closed postgres-pool with 1 connection in use" in report.outcome("postgres-pool")
    assert connection.closed


def test_an_async_pool_of_psycopg_closes(postgres_url: str, tmp_path: Path) -> None:
    """On the application's loop; what is kept is counted."""

    async def main(kept: bool) -> Any:
        pool = psycopg_pool.AsyncConnectionPool(named(postgres_url, "async-pool"), min_size=1, open=False)
        await pool.open(wait=True)
        connection = await pool.getconn() if kept else None
        report = await end_async(tmp_path, close_pool(pool, wait=0.1))
        if connection is not None:
            await pool.putconn(connection)
        assert pool.closed
        return report

    assert "clean" == asyncio.run(main(False)).verdict
    assert "1 connection in use" in asyncio.run(main(True)).outcome("postgres-pool")
    assert all_gone(postgres_url, "async-pool")


def test_a_pool_of_asyncpg_closes(postgres_url: str, tmp_path: Path) -> None:
    """It waits for what is about to come back."""

    async def main() -> Any:
        pool = await asyncpg.create_pool(named(postgres_url, "asyncpg-pool"), min_size=2)

        async def late(taken: asyncio.Event) -> None:
            async with pool.acquire() as connection:
                taken.set()
                await connection.execute("SELECT pg_sleep(0.1)")

        async with quiet(tmp_path) as ender:
            ender.add(close_pool(pool))
            taken = asyncio.Event()
            task = asyncio.create_task(late(taken))
            await taken.wait()
        await task
        return ender.report

    report = asyncio.run(main())

    assert "clean" == report["verdict"], report["handlers"]
    assert all_gone(postgres_url, "asyncpg-pool")


def test_a_pool_of_asyncpg_is_terminated_in_time(postgres_url: str, tmp_path: Path) -> None:
    """Its own `close` would wait for ever for what is acquired; the session that was cut is named by its pid."""

    async def main() -> Any:
        pool = await asyncpg.create_pool(named(postgres_url, "asyncpg-kept"), min_size=1)
        connection = await pool.acquire()
        pid = connection.get_server_pid()
        report = await end_async(tmp_path, close_pool(pool, wait=0.1))
        return pid, report

    pid, report = asyncio.run(main())

    assert f"cut 1 connection of postgres-pool in use: server pid {pid}" in report.outcome("postgres-pool")
    assert "failed" == report["postgres-pool"]["outcome"]
    assert all_gone(postgres_url, "asyncpg-kept")


def test_a_server_that_does_not_take_leave_holds_up_nothing(postgres_url: str, tmp_path: Path) -> None:
    """A connection through which nothing comes any more is cut; asyncpg would wait for its end."""

    async def main() -> Any:
        silent, gone, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                if silent.is_set():
                    break
                target.write(data)

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", urlsplit(postgres_url).port)
            back = asyncio.create_task(pump(other_reader, writer))
            with suppress(ConnectionError):
                await pump(reader, other_writer)
            await gone.wait()
            back.cancel()
            for each in (writer, other_writer):
                each.close()
                with suppress(ConnectionError):
                    await each.wait_closed()
            closed.set()

        server = await asyncio.start_server(forward, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        pool = await asyncpg.create_pool(f"postgresql://postgres@127.0.0.1:{port}/postgres", min_size=1, ssl=False)
        silent.set()
        report = await end_async(tmp_path, close_pool(pool, wait=0.1))
        server.close()
        gone.set()
        await closed.wait()
        return report

    assert "the server did not take leave in time" in asyncio.run(main()).outcome("postgres-pool")


def test_what_is_no_pool_is_refused_at_once() -> None:
    """Not at the end."""
    with pytest.raises(HandlerError, match="no pool of psycopg_pool or asyncpg"):
        close_pool(object())


# Redis.


def test_a_client_of_redis_closes(redis_url: str, tmp_path: Path) -> None:
    """With a pool of its own, and with one that it was handed."""
    pool = redis.ConnectionPool.from_url(redis_url)
    own, handed = redis.Redis.from_url(redis_url, client_name="own"), redis.Redis(connection_pool=pool)
    handed.client_setname("handed")
    own.ping()
    report = end(tmp_path, close_client(own), close_client(handed, name="other"))

    assert "clean" == report.verdict, report.whole["handlers"]
    assert clients_gone(redis_url, "own", "handed")


def test_a_command_that_blocks_is_cut(redis_url: str, tmp_path: Path) -> None:
    """The thread in it gets an error of the client's, and the end does not wait for it."""
    client = redis.Redis.from_url(redis_url, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))
    raised: list[Exception] = []

    def consume() -> None:
        try:
            client.blpop(["nothing"], timeout=60)
        except (redis.RedisError, OSError, ValueError) as error:
            raised.append(error)

    worker = threading.Thread(target=consume)
    worker.start()

    def blocked() -> None:
        with redis.Redis.from_url(redis_url) as admin:
            until(lambda: any(each["cmd"] == "blpop" for each in admin.client_list()))

    report = end(tmp_path, close_client(client, wait=0.1), before=blocked)
    worker.join(LIMIT_S)

    assert not worker.is_alive()
    assert 1 == len(raised)
    assert "cut 1 connection of redis-client in use" in report.outcome("redis-client")


def test_an_async_client_of_redis_closes(redis_url: str, tmp_path: Path) -> None:
    """On the application's loop."""

    async def main() -> Any:
        client = redis.asyncio.Redis.from_url(redis_url, client_name="own-async")
        await client.ping()
        return await end_async(tmp_path, close_client(client))

    report = asyncio.run(main())

    assert "clean" == report.verdict, report.whole["handlers"]
    assert clients_gone(redis_url, "own-async")


# HTTP.


async def serve(work: Callable[[str, asyncio.Event], Any], answers: asyncio.Event) -> None:
    """Let *work* talk to a server that tells when it is asked and answers when it is let."""
    asked, closed = asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        waiting = [asyncio.ensure_future(answers.wait()), asyncio.ensure_future(reader.read())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await waiting[1]
        waiting[0].cancel()
        writer.close()
        closed.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        await work(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", asked)
        await closed.wait()


def test_a_session_of_aiohttp_closes_after_its_requests(tmp_path: Path) -> None:
    """One that is under way is waited for; its connection is closed."""

    async def main() -> Any:
        answers = asyncio.Event()
        reports: list[Any] = []

        async def work(url: str, asked: asyncio.Event) -> None:
            session = aiohttp.ClientSession()

            async def get() -> str:
                async with session.get(url) as response:
                    return await response.text()

            async with quiet(tmp_path) as ender:
                ender.add(aiohttp_room.close_client(session))
                task = asyncio.create_task(get())
                await asked.wait()
                asyncio.get_running_loop().call_later(0.1, answers.set)
            assert "ok" == await task
            assert session.closed
            reports.append(ender.report)

        await serve(work, answers)
        return reports[0]

    report = asyncio.run(main())

    assert "clean" == report["verdict"], report["handlers"]


def test_a_request_of_aiohttp_that_does_not_end_is_cut(tmp_path: Path) -> None:
    """And counted."""

    async def main() -> Any:
        reports: list[Any] = []

        async def work(url: str, asked: asyncio.Event) -> None:
            session = aiohttp.ClientSession()
            task = asyncio.create_task(session.get(url))
            await asked.wait()
            reports.append(await end_async(tmp_path, aiohttp_room.close_client(session, wait=0.1)))
            # What it is told differs between the versions of aiohttp.
            assert (await asyncio.gather(task, return_exceptions=True))[0] is not None

        await serve(work, asyncio.Event())
        return reports[0]

    assert "cut 1 connection of aiohttp-client in use" in asyncio.run(main()).outcome("aiohttp-client")


@pytest.mark.parametrize("library", [httpx2, httpx])
def test_clients_of_httpx2_close(library: Any, tmp_path: Path) -> None:
    """Both kinds, and those of httpx."""
    client = library.Client()

    async def main() -> Any:
        other = library.AsyncClient()
        report = await end_async(
            tmp_path, httpx2_room.close_client(client), httpx2_room.close_client(other, name="other")
        )
        assert other.is_closed
        return report

    report = asyncio.run(main())

    assert client.is_closed
    assert ["done", "done"] == [report.outcome("httpx2-client"), report.outcome("other")]
