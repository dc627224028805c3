"""Engines of SQLAlchemy at the end, on a real PostgreSQL: transactions by policy, then the pool, and what is left named."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import Session

from processender.errors import HandlerError
from processender.integrations.sql import close_async_engine, close_engine, end_transactions
from tests.integration.ends import end, end_async, quiet

LIMIT_S = 30.0
POLICIES = ("rollback", "commit")
KEPT = {"rollback": 0, "commit": 1}


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    """Return the URL, for psycopg, of a server with a table of jobs."""
    made = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    admin = sqlalchemy.create_engine(made, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS resource_jobs (what text)"))
    admin.dispose()
    return made


@pytest.fixture
def engine(url: str) -> Iterator[sqlalchemy.Engine]:
    """Return an engine, and an empty table."""
    made = sqlalchemy.create_engine(url)
    with made.begin() as connection:
        connection.execute(text("TRUNCATE resource_jobs"))
    yield made
    made.dispose()


def count(url: str) -> int:
    """Return how many rows have been committed."""
    other = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with other.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM resource_jobs")).scalar_one())


def insert(connection: Any) -> None:
    """Begin a transaction with one row."""
    connection.execute(text("INSERT INTO resource_jobs VALUES ('one')"))


@pytest.mark.parametrize("policy", POLICIES)
def test_an_open_transaction_ends_by_its_policy(
    policy: Any, engine: sqlalchemy.Engine, url: str, tmp_path: Path
) -> None:
    """That of another thread, which waits for something else, before the pool closes; and the report tells of it."""
    ending = [end_transactions(engine, policy), close_engine(engine)]
    begun, go = threading.Event(), threading.Event()
    later: list[Exception] = []

    def work() -> None:
        with engine.connect() as connection:
            insert(connection)
            begun.set()
            go.wait(LIMIT_S)
            try:
                insert(connection)
            except exc.SQLAlchemyError as error:
                later.append(error)

    worker = threading.Thread(target=work, name="worker-7")
    worker.start()
    report = end(tmp_path, *ending, before=lambda: begun.wait(LIMIT_S))
    kept = count(url)
    go.set()
    worker.join(LIMIT_S)

    assert KEPT[policy] == kept == count(url)
    done = "committed" if policy == "commit" else "rolled back"
    assert [f"{done} 1 open transaction: of thread worker-7"] == report["sql-transactions"]["notes"]
    assert ["sql-transactions", "sql-engine"] == report.order()
    assert "clean" == report.verdict
    # Nobody goes on with the second half of it.
    assert ["ResourceClosedError"] == [type(error).__name__ for error in later]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_session_is_ended_by_its_policy(policy: Any, engine: sqlalchemy.Engine, url: str, tmp_path: Path) -> None:
    """The ORM uses the same connections; its later commit fails and keeps nothing."""
    ending = end_transactions(engine, policy)
    with Session(engine) as session:
        insert(session)
        report = end(tmp_path, ending)
        with pytest.raises(exc.SQLAlchemyError):
            session.commit()

    assert "clean" == report.verdict
    assert KEPT[policy] == count(url)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_savepoint_goes_the_way_of_its_transaction(
    policy: Any, engine: sqlalchemy.Engine, url: str, tmp_path: Path
) -> None:
    """It is a part of it."""
    ending = end_transactions(engine, policy)
    with engine.connect() as connection:
        insert(connection)
        connection.begin_nested()
        report = end(tmp_path, ending)

    assert "clean" == report.verdict, report.whole["handlers"]
    assert KEPT[policy] == count(url)


def test_what_was_ended_or_dropped_before_is_not_counted(engine: sqlalchemy.Engine, tmp_path: Path) -> None:
    """Committed, rolled back, failed, closed, or collected with its owner."""
    ending = end_transactions(engine)
    with engine.begin() as connection:
        insert(connection)
    with engine.connect() as connection:
        insert(connection)
        connection.rollback()
    with engine.connect() as connection, pytest.raises(exc.ProgrammingError):
        connection.execute(text("SELECT nonsense"))
    dropped = engine.connect()
    insert(dropped)
    del dropped
    gc.collect()
    report = end(tmp_path, ending)

    assert ("done", []) == (report.outcome("sql-transactions"), report["sql-transactions"]["notes"])


def test_what_is_in_the_middle_of_a_statement_is_waited_for(
    engine: sqlalchemy.Engine, url: str, tmp_path: Path
) -> None:
    """It ends by policy when its statement has."""
    ending = end_transactions(engine, "commit")
    busy, go = threading.Event(), threading.Event()

    def work() -> None:
        with engine.connect() as connection:
            insert(connection)
            connection.connection.driver_connection.add_notice_handler(lambda _said: busy.set())
            connection.execute(text("DO $$ BEGIN RAISE NOTICE 'busy'; PERFORM pg_sleep(0.3); END $$"))
            go.wait(LIMIT_S)

    worker = threading.Thread(target=work)
    worker.start()
    report = end(tmp_path, ending, before=lambda: busy.wait(LIMIT_S))
    kept = count(url)
    go.set()
    worker.join(LIMIT_S)

    assert "done" == report.outcome("sql-transactions")
    assert 1 == kept


def test_what_stays_in_the_middle_of_a_statement_is_named(engine: sqlalchemy.Engine, url: str, tmp_path: Path) -> None:
    """No other thread can end it; its pool closes all the same, and the report says what is left, and whose."""
    ending = [end_transactions(engine, wait=0.1), close_engine(engine, wait=0.1)]
    begun = threading.Event()
    pids: list[int] = []

    def work() -> None:
        with engine.connect() as connection:
            pids.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
            begun.set()
            with pytest.raises(exc.OperationalError):
                connection.execute(text("SELECT pg_sleep(60)"))

    worker = threading.Thread(target=work, name="sleeper")
    worker.start()

    def in_it() -> None:
        begun.wait(LIMIT_S)
        with engine.connect() as other:
            query = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid AND query LIKE '%sleep(60)%'")
            while not other.execute(query, {"pid": pids[0]}).scalar_one():
                other.rollback()

    report = end(tmp_path, *ending, before=in_it)
    admin = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
    with admin.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pids[0]})
    worker.join(LIMIT_S)

    assert (
        "1 transaction left open: that of thread sleeper is in the middle of 'SELECT pg_sleep(60)'"
        in report.outcome("sql-transactions")
    )
    assert "closed sql-engine with 1 connection in use, taken by thread sleeper" in report.outcome("sql-engine")
    assert "degraded" == report.verdict


def test_a_driver_that_binds_connections_to_threads_is_told(tmp_path: Path) -> None:
    """What sqlite3 refuses by default is left, with the word that cures it."""
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'a.db'}", connect_args={"check_same_thread": True})
    ending = end_transactions(engine)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (n int)"))
        left = connection.connection.dbapi_connection
        report = end(tmp_path, ending)

    assert "check_same_thread=False" in report.outcome("sql-transactions")
    engine.dispose()
    # Only its own thread can.
    assert left is not None
    left.close()


def test_a_pool_closes_after_the_work_that_uses_it(engine: sqlalchemy.Engine, url: str, tmp_path: Path) -> None:
    """A request in flight still gets its connection, and one that is about to give it back is waited for (P12)."""
    ending = close_engine(engine)
    begun, taken = threading.Event(), threading.Event()

    with quiet(tmp_path) as ender:
        ender.add(ending)

        def late() -> None:
            with engine.connect() as connection:
                taken.set()
                insert(connection)
                connection.commit()

        @ender.handler(phase="commit")
        def take() -> None:
            threading.Thread(target=late).start()
            taken.wait(LIMIT_S)

        def request() -> None:
            with ender.inflight("request"):
                begun.set()
                ender.stopping.wait(LIMIT_S)
                with engine.begin() as connection:
                    insert(connection)

        worker = threading.Thread(target=request)
        worker.start()
        begun.wait(LIMIT_S)
    worker.join(LIMIT_S)

    assert ender.report is not None
    assert "clean" == ender.report["verdict"], ender.report
    assert 2 == count(url)
    assert 0 == engine.pool.checkedout()  # type: ignore[attr-defined]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("policy", POLICIES)
def test_an_async_engine_ends_its_transactions_and_closes(
    driver: str, policy: Any, engine: sqlalchemy.Engine, url: str, tmp_path: Path
) -> None:
    """On the application's loop; the task that has begun it is named."""

    async def work(made: AsyncEngine, begun: asyncio.Event) -> None:
        async with made.connect() as connection:
            await connection.execute(text("INSERT INTO resource_jobs VALUES ('one')"))
            begun.set()
            await asyncio.Event().wait()

    async def main() -> Any:
        made = create_async_engine(url.replace("+psycopg", f"+{driver}"))
        ending = [end_transactions(made, policy), close_async_engine(made)]
        begun = asyncio.Event()
        task = asyncio.create_task(work(made, begun), name="request-9")
        await begun.wait()
        report = await end_async(tmp_path, *ending)
        task.cancel()
        await asyncio.wait([task])
        return report

    report = asyncio.run(main())

    assert KEPT[policy] == count(url)
    assert "clean" == report.verdict, report.whole["handlers"]
    assert report["sql-transactions"]["notes"][0].endswith("of task request-9")


def test_a_connection_that_a_task_keeps_is_named(url: str, tmp_path: Path) -> None:
    """The wait for it is bounded, and it is closed when it comes back after all."""

    async def main() -> Any:
        made = create_async_engine(url)
        ending = close_async_engine(made, wait=0.1)
        connection = await made.connect()
        report = await end_async(tmp_path, ending)
        session = (await connection.get_raw_connection()).driver_connection
        assert session is not None
        await connection.close()
        closed.append(session.closed)
        return report

    closed: list[bool] = []
    report = asyncio.run(main())

    assert [True] == closed
    assert "1 connection in use, taken by task Task-" in report.outcome("sql-engine")


@pytest.mark.parametrize("pool", [sqlalchemy.NullPool, sqlalchemy.StaticPool, sqlalchemy.QueuePool])
def test_every_kind_of_pool_closes(pool: Any, url: str, tmp_path: Path) -> None:
    """Also those that count nothing."""
    made = sqlalchemy.create_engine(url, poolclass=pool)
    ending = close_engine(made)
    with made.connect() as connection:
        connection.execute(text("SELECT 1"))

    assert "clean" == end(tmp_path, ending).verdict


def test_an_unknown_policy_is_refused_at_once(engine: sqlalchemy.Engine) -> None:
    """Not at the end."""
    with pytest.raises(HandlerError, match="neither rollback nor commit"):
        end_transactions(engine, "forget")  # type: ignore[arg-type]
