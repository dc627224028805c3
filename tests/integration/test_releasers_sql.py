"""The releasers of databases: sessions and locks of a real PostgreSQL, statements, and connections of this process."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import psycopg.rows
import pytest
import sqlalchemy

from processender import Ender
from processender.core.obligation import Obligation, State
from processender.engine.clock import SystemClock
from processender.errors import ObligationError, ReleaserError, StateError, Transient
from processender.integrations.postgres import AdvisoryLockReleaser, SessionReleaser, advisory_lock, session
from processender.integrations.sql import ConnectionReleaser, SqlReleaser, transaction
from processender.keepers import Releaser
from processender.plugins import find_releaser
from processender.recovering import Recovered, recover
from processender.testing.processes import Program
from processender.testing.releasers import check_releaser, context
from tests.integration.servers import free_port
from tests.waits import until

LIMIT_S = 30.0
KEYS = ["42", "0", "-1", "-9223372036854775808", "9223372036854775807", "4294967296", "1,2", "-1,-2", "0,-2147483648"]
LEASE = {"release": "DELETE FROM leases WHERE name = :key", "check": "SELECT 1 FROM leases WHERE name = :key"}


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Return a connection of the superuser, each statement in a transaction of its own."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def ender(tmp_path: Path) -> Iterator[Ender]:
    """Return an Ender with a journal of its own, which no signal reaches."""
    with Ender("demo", grace=20, signals=(), state=str(tmp_path / "state"), exit="return", observers=()) as made:
        yield made


@contextmanager
def client(url: str, name: str = "somebody") -> Iterator[psycopg.Connection[Any]]:
    """Open a session of this name."""
    with closing(psycopg.connect(url, autocommit=True, application_name=name)) as connection:
        yield connection


def started(admin: psycopg.Connection[Any], connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return what tells the session of *connection*."""
    pid = connection.info.backend_pid
    row = admin.execute("SELECT backend_start::text FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
    assert row is not None
    return {"pid": pid, "backend_start": row[0]}


def count(admin: psycopg.Connection[Any], query: str, *values: Any) -> int:
    """Return the number that *query* gives."""
    row = admin.execute(query, values).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def has_session(admin: psycopg.Connection[Any], name: str) -> bool:
    """Tell whether there is a session of this name."""
    return count(admin, "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", name) > 0


def owed(key: str, id_: str = "0-id", **args: Any) -> Obligation:
    """Return an obligation."""
    return Obligation(id_, "thing", key, "r", args)


def is_alive(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the server still answers on *connection*."""
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def lock_of(connection: psycopg.Connection[Any], key: str, how: str = "pg_advisory_lock") -> Any:
    """Take or try the lock with this key."""
    row = connection.execute(f"SELECT {how}({key})").fetchone()
    assert row is not None
    return row[0]


# Sessions.


def test_a_session_keeps_the_promises(postgres_url: str, admin: psycopg.Connection[Any]) -> None:
    """The conformance check passes for a session that is known by its pid and its start."""
    with ExitStack() as opened:

        def make(key: str) -> dict[str, Any]:
            return {"url": postgres_url, **started(admin, opened.enter_context(client(postgres_url, key)))}

        check_releaser(SessionReleaser(), make, lambda key: has_session(admin, key), "conforming")


def test_a_session_of_an_intent_is_found_by_its_name(postgres_url: str, admin: psycopg.Connection[Any]) -> None:
    """The crash came before the real id was known: application_name is the id of the obligation."""
    with ExitStack() as opened:

        def make(key: str) -> dict[str, Any]:
            opened.enter_context(client(postgres_url, "0-test"))
            return {"url": postgres_url}

        check_releaser(SessionReleaser(), make, lambda _key: has_session(admin, "0-test"))


def test_a_session_that_has_taken_the_pid_since_is_left_alone(
    postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    """Its start is another; neither is a session of the same name meant any more."""
    with client(postgres_url, "0-id") as other:
        args = started(admin, other) | {"backend_start": "2001-01-01 00:00:00.000001+00"}
        obligation = owed("s", url=postgres_url, **args)
        SessionReleaser().release(obligation, 1, context())

        assert not SessionReleaser().check(obligation)
        assert is_alive(other)


def test_a_session_is_told_by_its_start_in_any_time_zone(postgres_url: str, admin: psycopg.Connection[Any]) -> None:
    """The text names its zone."""
    with client(postgres_url) as other:
        admin.execute("SET TimeZone = 'Asia/Kathmandu'")
        obligation = owed("s", url=postgres_url, **started(admin, other))

        assert SessionReleaser().check(obligation)


@pytest.mark.parametrize(
    "args", [{"pid": "1"}, {"pid": True}, {"pid": None, "backend_start": "x"}, {"pid": 1, "backend_start": 5},
             {"pid": 1, "backend_start": "yesterday o'clock"}, {"pid": 10**12, "backend_start": "2001-01-01 00:00+00"}]
)  # fmt: skip
def test_what_does_not_tell_a_session_ends_nothing(postgres_url: str, args: dict[str, Any]) -> None:
    """A record is hostile input."""
    with pytest.raises(ReleaserError):
        SessionReleaser().release(owed("s", url=postgres_url, **args), 1, context())


@pytest.mark.parametrize("id_", ["", "x" * 64, "\u00fc" * 32])
def test_an_id_that_is_no_name_of_a_session_is_refused(postgres_url: str, id_: str) -> None:
    """The empty name is that of all sessions without one; the server cuts a long one."""
    with client(postgres_url, "") as other, pytest.raises(ReleaserError, match="1 to 63 bytes"):
        SessionReleaser().release(owed("s", id_, url=postgres_url), 1, context())
    assert other.closed


def test_a_role_without_the_right_is_a_permanent_failure(postgres_url: str, admin: psycopg.Connection[Any]) -> None:
    """A session whose start is hidden is never taken for gone, and one that may not be ended is not gone."""
    admin.execute("DROP ROLE IF EXISTS weak")
    admin.execute("CREATE ROLE weak LOGIN")
    weak = postgres_url.replace("postgres@", "weak@")
    with client(postgres_url, "0-id") as other:
        with pytest.raises(ReleaserError, match="pg_read_all_stats"):
            SessionReleaser().check(owed("s", url=weak, **started(admin, other)))
        with pytest.raises(ReleaserError, match="must be a"):
            SessionReleaser().release(owed("s", url=weak), 1, context())
        assert is_alive(other)


def test_a_role_that_may_look_and_end_is_enough(postgres_url: str, admin: psycopg.Connection[Any]) -> None:
    """No superuser is needed for sessions of others."""
    admin.execute("DROP ROLE IF EXISTS warden, worker")
    admin.execute("CREATE ROLE worker LOGIN")
    admin.execute("CREATE ROLE warden LOGIN IN ROLE pg_signal_backend, pg_read_all_stats")
    with client(postgres_url.replace("postgres@", "worker@")) as other:
        obligation = owed("s", url=postgres_url.replace("postgres@", "warden@"), **started(admin, other))
        SessionReleaser().release(obligation, 1, context())

        assert not is_alive(other)


def test_a_wrong_password_is_a_permanent_failure(postgres_url: str, admin: psycopg.Connection[Any]) -> None:
    """A missing one, too; the message shows neither."""
    admin.execute("DROP ROLE IF EXISTS locked")
    admin.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
    row = admin.execute("SHOW hba_file").fetchone()
    assert row is not None
    rules = Path(row[0])
    rules.write_text(f"host all locked all scram-sha-256\n{rules.read_text('utf-8')}", encoding="utf-8")
    admin.execute("SELECT pg_reload_conf()")
    url = postgres_url.replace("postgres@", "locked@")

    def refused() -> bool:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            return True
        return False

    until(refused)
    with pytest.raises(ReleaserError, match="password"):
        SessionReleaser().check(owed("s", url=url))
    with pytest.raises(ReleaserError, match="password authentication failed") as wrong:
        SessionReleaser().check(owed("s", url=postgres_url.replace("postgres@", "locked:hunter2@")))
    assert "hunter2" not in str(wrong.value)
    assert not SessionReleaser().check(owed("s", url=postgres_url.replace("postgres@", "locked:right@")))


@pytest.mark.parametrize("releaser", [SessionReleaser(), AdvisoryLockReleaser()])
def test_a_server_that_is_down_is_tried_again(releaser: SessionReleaser) -> None:
    """It may come back."""
    obligation = owed("1", url=f"postgresql://postgres@127.0.0.1:{free_port()}/postgres")

    with pytest.raises(Transient):
        releaser.check(obligation)
    with pytest.raises(Transient):
        releaser.release(obligation, 1, context())


def test_a_server_has_a_name_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the breaker; a reference that leads nowhere is left to the attempt."""
    monkeypatch.setenv("A_URL", "postgresql://me:hunter2@db.example:5433/shop")
    names = [SessionReleaser().dependency(owed("s", url={"env": name})) for name in ("A_URL", "NO_SUCH")]

    assert ["postgres db.example:5433", "postgres"] == names


@pytest.mark.parametrize("url", [None, 5, "hunter2", "postgresql://u:hunter2/x@h/d", "postgresql://u:%zhunter2@h/d"])
def test_a_url_that_cannot_be_read_is_not_shown(url: Any) -> None:
    """It may hold a password."""
    with pytest.raises(ReleaserError) as raised:
        SessionReleaser().check(owed("s", url=url))

    assert "hunter2" not in str(raised.value)


# Locks.


@pytest.mark.parametrize("key", KEYS)
def test_an_advisory_lock_keeps_the_promises(postgres_url: str, admin: psycopg.Connection[Any], key: str) -> None:
    """The conformance check passes for both forms of the key, with every sign."""
    with ExitStack() as opened:

        def make(made: str) -> dict[str, Any]:
            holder = opened.enter_context(client(postgres_url))
            lock_of(holder, made)
            return {"url": postgres_url, **started(admin, holder)}

        def held(made: str) -> bool:
            free = lock_of(admin, made, "pg_try_advisory_lock")
            if free:
                lock_of(admin, made, "pg_advisory_unlock")
            return not free

        check_releaser(AdvisoryLockReleaser(), make, held, key)


def test_a_lock_that_somebody_else_has_taken_since_is_left_alone(
    postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    """Our session no longer holds it, so neither is ended."""
    with client(postgres_url) as ours, client(postgres_url) as theirs:
        lock_of(ours, "7")
        obligation = owed("7", url=postgres_url, **started(admin, ours))
        lock_of(ours, "7", "pg_advisory_unlock")
        lock_of(theirs, "7")
        AdvisoryLockReleaser().release(obligation, 1, context())

        assert not AdvisoryLockReleaser().check(obligation)
        assert (True, True) == (is_alive(ours), is_alive(theirs))


@pytest.mark.parametrize("other", ["8,1", "1,8", "34359738369"])
def test_a_lock_of_another_key_is_another_lock(postgres_url: str, admin: psycopg.Connection[Any], other: str) -> None:
    """`8,1` and the bigint of the same halves are two locks."""
    wanted = {"8,1": "34359738369", "1,8": "8,1", "34359738369": "8,1"}[other]
    with client(postgres_url) as ours:
        lock_of(ours, other)

        assert not AdvisoryLockReleaser().check(owed(wanted, url=postgres_url, **started(admin, ours)))


@pytest.mark.parametrize("known", [True, False])
def test_a_session_that_waits_for_the_lock_is_ended(
    postgres_url: str, admin: psycopg.Connection[Any], known: bool
) -> None:
    """It would take the lock one day; whoever holds it keeps it."""
    with client(postgres_url) as holder, client(postgres_url, "0-id") as waiting:
        lock_of(holder, "9")
        ended: list[BaseException] = []

        def wait() -> None:
            try:
                lock_of(waiting, "9")
            except psycopg.OperationalError as error:
                ended.append(error)

        thread = threading.Thread(target=wait)
        args = started(admin, waiting) if known else {}
        thread.start()
        until(lambda: count(admin, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'") > 0)
        obligation = owed("9", url=postgres_url, **args)
        there = AdvisoryLockReleaser().check(obligation)
        AdvisoryLockReleaser().release(obligation, 1, context())
        thread.join()

        assert (True, 1) == (there, len(ended))
        assert is_alive(holder)


def test_a_session_that_was_opened_for_a_lock_ends_before_it_has_it(
    postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    """The crash came between connecting and locking; the name tells that the session is for nothing else."""
    with client(postgres_url, "0-id") as opened:
        AdvisoryLockReleaser().release(owed("11", url=postgres_url), 1, context())

        assert not is_alive(opened)


@pytest.mark.parametrize("key", ["", "x", "1,2,3", "1,", "9223372036854775808", "2147483648,1", "1;2"])
def test_a_key_that_is_no_lock_is_refused(postgres_url: str, key: str) -> None:
    """A bigint, or two ints."""
    with pytest.raises(ReleaserError, match="bigint"):
        AdvisoryLockReleaser().check(owed(key, url=postgres_url))


# Blocks.


def journal_bytes(tmp_path: Path) -> bytes:
    """Return all that the journals hold."""
    found = (path for path in (tmp_path / "state").rglob("*") if path.is_file())
    return b"".join(path.read_bytes() for path in found)


def live(ender: Ender) -> list[Any]:
    """Return what an Ender owes."""
    return list(ender._home().journal().live())


def test_a_session_is_owed_while_its_block_runs(
    ender: Ender, postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    """Its name is the id, its identity is in the journal, and nothing is left when the block is."""
    with session(ender, postgres_url, row_factory=psycopg.rows.dict_row) as connection:
        idle = connection.info.transaction_status
        (standing,) = live(ender)
        seen = SessionReleaser().check(standing.obligation)
        named = has_session(admin, standing.obligation.id)
        connection.execute("CREATE TABLE never (id int)")
    until(lambda: not has_session(admin, standing.obligation.id))

    assert (psycopg.pq.TransactionStatus.IDLE, State.ACQUIRED, True, True) == (idle, standing.state, seen, named)
    assert standing.obligation.ref == str(standing.obligation.args["pid"])
    assert (True, []) == (connection.closed, live(ender))
    assert 0 == count(admin, "SELECT count(*) FROM pg_class WHERE relname = 'never'")


def test_a_lock_is_free_when_its_block_is_left(ender: Ender, postgres_url: str, admin: psycopg.Connection[Any]) -> None:
    """Not a moment later."""
    for key in (77, "-7,8"):
        with advisory_lock(ender, postgres_url, key) as connection:
            taken = lock_of(admin, str(key), "pg_try_advisory_lock")
            connection.execute("SELECT 1")
        free = lock_of(admin, str(key), "pg_try_advisory_lock")

        assert (False, True, []) == (taken, free, live(ender))


def test_a_block_that_raises_settles_and_keeps_its_error(ender: Ender, postgres_url: str) -> None:
    """Also with a transaction that has failed."""
    with pytest.raises(psycopg.errors.UndefinedTable), advisory_lock(ender, postgres_url, 78) as connection:
        connection.execute("SELECT * FROM no_such_table")

    assert [] == live(ender)


def test_a_connection_that_was_cut_is_settled_by_asking_the_server(
    ender: Ender, postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    """Closing tells nothing then."""
    with session(ender, postgres_url) as connection:
        connection.execute("SELECT 1")
        admin.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

    assert [] == live(ender)


def test_a_server_that_is_down_leaves_nothing_owed(ender: Ender) -> None:
    """There never was a session."""
    url = f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"
    with pytest.raises(psycopg.OperationalError), session(ender, url):
        pass

    assert [] == live(ender)


def test_the_end_of_the_process_ends_a_session_that_is_in_use(tmp_path: Path, postgres_url: str) -> None:
    """A thread may hold it in a statement that does not return."""
    ender = Ender("demo", grace=20, signals=(), state=str(tmp_path / "state"), exit="return", observers=())
    begun, raised = threading.Event(), []

    def work() -> None:
        try:
            with session(ender, postgres_url) as connection:
                begun.set()
                connection.execute("SELECT pg_sleep(1000)")
        except psycopg.OperationalError as error:
            raised.append(type(error))

    thread = threading.Thread(target=work)
    with ender:
        thread.start()
        begun.wait()
    thread.join()

    assert [psycopg.errors.AdminShutdown] == raised


def test_a_url_with_a_password_is_refused_before_it_is_written(ender: Ender, tmp_path: Path) -> None:
    """The journal would keep it."""
    for url in ("postgresql://me:hunter2@127.0.0.1/x", "host=127.0.0.1 password=hunter2"):
        with pytest.raises(ObligationError, match="has a password"), session(ender, url):
            pass

    assert b"hunter2" not in journal_bytes(tmp_path)


@pytest.mark.parametrize("kind", ["env", "file"])
def test_a_password_by_reference_is_not_in_the_journal(
    ender: Ender, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Neither while the session is owed nor after the attempt to release it has failed."""
    url = postgres_url.replace("postgres@", "postgres:hunter2@")
    place = {"env": "A_URL", "file": str(tmp_path / "url")}[kind]
    monkeypatch.setenv("A_URL", url)
    (tmp_path / "url").write_text(f"{url}\n", encoding="utf-8")
    with session(ender, {kind: place}):
        while_owed = journal_bytes(tmp_path)
    down = {kind: place}
    monkeypatch.setenv("A_URL", url.replace("postgresql://", "postgresql://x"))
    (tmp_path / "url").write_text(url.replace("postgresql://", "postgresql://x"), encoding="utf-8")
    failed = ender.obligation("postgres-session", key="s", url=down).acquire()
    with pytest.raises((Transient, ReleaserError)):
        failed.release()
    everything = while_owed + journal_bytes(tmp_path)

    assert (True, True) == (place.encode() in everything, b"does not exist" in everything)
    assert b"hunter2" not in everything
    failed.settle()


# A real crash.

CRASH = """
import os, signal, sys
from processender import Ender
from processender.integrations.postgres import advisory_lock, session

url = sys.argv[1]
with Ender("demo", grace=20) as ender:
    with session(ender, url) as first, advisory_lock(ender, url, "5,-6") as second:
        # The child keeps the sockets open, so the server does not notice that their owner is gone.
        if (child := os.fork()) == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.write(1, b"ready\\n")
            while True:
                signal.pause()
        signal.pause()
"""


def recovered(state: Path, find: Callable[[str], Releaser | None] = find_releaser) -> Recovered:
    """Recover what the dead have left."""
    return recover(str(state / "demo"), find, SystemClock(), LIMIT_S)


def test_what_a_crash_has_left_on_the_server_is_ended_by_a_recovery(
    postgres_url: str, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """A child of the dead keeps the sockets open; another session waits for the lock and gets it."""
    state = tmp_path / "state"
    with Program(CRASH, postgres_url, env={"PROCESSENDER_STATE": str(state)}) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("KILL")
        running.wait(LIMIT_S)
        left = count(admin, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 5")
        made = recovered(state)
        free = lock_of(admin, "5,-6", "pg_try_advisory_lock")

    assert (1, True) == (left, free)
    assert ({State.RELEASED}, 2) == ({each.state for each in made.settled}, len(made.settled))
    assert not any(has_session(admin, each.obligation.id) for each in made.settled)


def test_the_owner_that_is_only_stopped_keeps_its_session(postgres_url: str, tmp_path: Path) -> None:
    """Nothing is released while its owner lives."""
    state = tmp_path / "state"
    with Program(CRASH, postgres_url, env={"PROCESSENDER_STATE": str(state)}) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("STOP")
        made = recovered(state)

    assert ((), 1) == (made.settled, len(made.left))


@pytest.mark.parametrize(
    ("name", "module", "extra"), [("postgres-session", "psycopg", "postgres"), ("sql", "sqlalchemy", "sqlalchemy")]
)
def test_a_missing_package_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, extra: str
) -> None:
    """The record becomes a dead letter, which can be retried once it is installed; the breaker has a name still."""
    monkeypatch.setitem(sys.modules, module, None)
    releaser: Any = find_releaser(name)
    obligation = owed("s", url="postgresql://h/d", **LEASE)

    with pytest.raises(ReleaserError, match=rf"pip install 'processender\[{extra}\]'"):
        releaser.check(obligation)
    assert name.partition("-")[0] == releaser.dependency(obligation)


# Statements.


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Return the URL of a database with leases."""
    path = tmp_path / "leases.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE leases (name TEXT PRIMARY KEY, token INTEGER DEFAULT 0)")
        connection.execute("CREATE TABLE log (name TEXT NOT NULL, id TEXT, ref TEXT, token INTEGER)")
        connection.commit()
    return f"sqlite:///{path}"


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sqlalchemy.text(query))]


def run_sql(url: str, *statements: str) -> None:
    """Run statements."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sqlalchemy.text(statement))


def test_a_row_of_sqlite_keeps_the_promises(database: str) -> None:
    """The conformance check passes; no quote breaks out of its place."""

    def make(key: str) -> dict[str, Any]:
        run_sql(database, "INSERT INTO leases (name) VALUES ('it''s; DROP TABLE leases')")
        return {"url": database, **LEASE}

    key = "it's; DROP TABLE leases"
    check_releaser(SqlReleaser(), make, lambda key: (key,) in rows(database, "SELECT name FROM leases"), key)


def test_a_row_of_postgres_keeps_the_promises(postgres_url: str, admin: psycopg.Connection[Any]) -> None:
    """The conformance check passes."""
    admin.execute("DROP TABLE IF EXISTS leases")
    admin.execute("CREATE TABLE leases (name text PRIMARY KEY)")

    def make(key: str) -> dict[str, Any]:
        admin.execute("INSERT INTO leases VALUES (%s)", (key,))
        return {"url": postgres_url.replace("://", "+psycopg://"), **LEASE}

    check_releaser(
        SqlReleaser(), make, lambda key: count(admin, "SELECT count(*) FROM leases WHERE name = %s", key) > 0, "a"
    )


def test_statements_are_given_id_key_ref_and_token(database: str) -> None:
    """Bound, each under its name."""
    obligation = owed("k", url=database, release="INSERT INTO log VALUES (:key, :id, :ref, :token)").replace(ref="r")
    SqlReleaser().release(obligation, 9, context())

    assert [("k", "0-id", "r", 9)] == rows(database, "SELECT * FROM log")


@pytest.mark.parametrize(
    "args", [{"release": "DELETE FROM nosuch"}, {"release": "SELEC 1"}, LEASE | {"check": "SELEC 1"}]
)
def test_a_wrong_statement_is_a_permanent_failure_in_sqlite_too(database: str, args: dict[str, Any]) -> None:
    """Its driver calls it an operational error, as it calls a lock that passes."""
    with pytest.raises(ReleaserError, match="mend the database or the statement"):
        SqlReleaser().release(owed("a", url=database, **args), 1, context())


def test_a_database_that_is_locked_is_tried_again(database: str) -> None:
    """Whoever has it will let go of it."""
    with closing(sqlite3.connect(database.partition("///")[2], isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Transient, match="database is locked"):
            SqlReleaser().release(owed("a", url=f"{database}?timeout=0.1", **LEASE), 1, context())


def test_statements_are_one_transaction(database: str) -> None:
    """The second fails, so the first has not happened."""
    run_sql(database, "INSERT INTO leases (name) VALUES ('a')")
    statements = ["DELETE FROM leases WHERE name = :key", "INSERT INTO log (name) VALUES (NULL)"]
    with pytest.raises(ReleaserError, match="NOT NULL constraint failed"):
        SqlReleaser().release(owed("a", url=database, release=statements), 1, context())

    assert [("a",)] == rows(database, "SELECT name FROM leases")


def test_what_is_still_there_afterwards_is_tried_again(database: str) -> None:
    """The statements have run and the query still finds it."""
    run_sql(database, "INSERT INTO leases (name) VALUES ('a')")
    args = LEASE | {"release": "DELETE FROM leases WHERE name = :key AND token > 5"}
    with pytest.raises(Transient, match="still there"):
        SqlReleaser().release(owed("a", url=database, **args), 1, context())


def test_a_prepared_transaction_is_rolled_back(postgres_url: str, admin: psycopg.Connection[Any]) -> None:
    """It stands outside of transactions and takes no parameters."""
    url = postgres_url.replace("://", "+psycopg://")

    def make(key: str) -> dict[str, Any]:
        with closing(psycopg.connect(postgres_url)) as connection:
            connection.tpc_begin(key)
            connection.execute("CREATE TABLE half (id int)")
            connection.tpc_prepare()
        check = "SELECT count(*) FROM pg_prepared_xacts WHERE gid = :key"
        return {"url": url, "release": f"ROLLBACK PREPARED '{key}'", "check": check, "autocommit": True}

    def there(key: str) -> bool:
        return count(admin, "SELECT count(*) FROM pg_prepared_xacts WHERE gid = %s", key) > 0

    check_releaser(SqlReleaser(), make, there, "shop-4711")


@pytest.mark.parametrize(
    "args", [{}, {"release": []}, {"release": [1]}, {"release": {"a": 1}}, {"release": "SELECT 1", "check": 5},
             {"release": "SELECT :unknown"}, {"release": "SELEC 1"}]
)  # fmt: skip
def test_what_is_no_statement_is_a_permanent_failure(postgres_url: str, args: dict[str, Any]) -> None:
    """Another attempt would not mend it."""
    with pytest.raises(ReleaserError):
        SqlReleaser().release(owed("a", url=postgres_url.replace("://", "+psycopg://"), **args), 1, context())


@pytest.mark.parametrize(
    "url", ["hunter2", "x://u:p@h:hunter2/d", "nosuch://u:hunter2@h/d", "mysql+nosuch://u:hunter2@h/d"]
)
def test_a_url_of_no_database_is_a_permanent_failure(url: str) -> None:
    """Its message shows no part that may be a secret."""
    with pytest.raises(ReleaserError) as raised:
        SqlReleaser().check(owed("a", url=url, **LEASE))

    assert "hunter2" not in str(raised.value)


def test_a_database_that_is_down_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its breaker is named without credentials."""
    port = free_port()
    monkeypatch.setenv("A_URL", f"postgresql+psycopg://me:hunter2@127.0.0.1:{port}/shop")
    obligation = owed("a", url={"env": "A_URL"}, **LEASE)

    assert f"postgresql 127.0.0.1:{port}" == SqlReleaser().dependency(obligation)
    with pytest.raises(Transient) as raised:
        SqlReleaser().check(obligation)
    assert "hunter2" not in str(raised.value)


# Connections of this process.


class Bank:
    """Opens connections to one database, and counts what was committed."""

    def __init__(self, open_: Callable[[], Any], statement: Any) -> None:
        self.open = open_
        self.statement = statement

    def write(self, connection: Any) -> None:
        """Write one row."""
        connection.execute(self.statement)

    def rows(self) -> int:
        """Return how many rows were committed."""
        query = "SELECT count(*) FROM bank"
        with closing(self.open()) as connection:
            found = connection.execute(sqlalchemy.text(query) if hasattr(connection, "dialect") else query)
            number: int = found.fetchone()[0]
            return number


@pytest.fixture(params=["sqlite3", "psycopg", "sqlalchemy"])
def bank(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str, admin: psycopg.Connection[Any]) -> Bank:
    """Return a database with an empty table, under each driver."""
    insert = "INSERT INTO bank VALUES (1)"
    if request.param == "psycopg":
        admin.execute("DROP TABLE IF EXISTS bank")
        admin.execute("CREATE TABLE bank (id int)")
        return Bank(lambda: psycopg.connect(postgres_url), insert)
    path = tmp_path / "bank.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bank (id int)")
    if request.param == "sqlite3":
        return Bank(lambda: sqlite3.connect(path, check_same_thread=False), insert)
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=sqlalchemy.NullPool)
    return Bank(engine.connect, sqlalchemy.text(insert))


def test_a_block_commits_and_leaves_the_connection_open(ender: Ender, bank: Bank) -> None:
    """It was open before."""
    with closing(bank.open()) as connection:
        with transaction(ender, connection) as same:
            bank.write(same)
            (standing,) = live(ender)
            there = ConnectionReleaser().check(standing.obligation)
        bank.write(connection)
        connection.rollback()

    assert (True, 1, []) == (there, bank.rows(), live(ender))
    assert not ConnectionReleaser().check(standing.obligation)


def test_a_block_that_raises_is_rolled_back(ender: Ender, bank: Bank) -> None:
    """The error comes through."""
    with closing(bank.open()) as connection:
        with pytest.raises(KeyError), transaction(ender, connection, at_end="commit"):
            bank.write(connection)
            raise KeyError

        assert (0, []) == (bank.rows(), live(ender))


@pytest.mark.parametrize(("at_end", "rows_", "raises"), [("rollback", 0, [StateError]), ("commit", 1, [])])
def test_the_end_comes_before_the_block_is_left(
    tmp_path: Path, bank: Bank, at_end: Any, rows_: int, raises: list[type]
) -> None:
    """The plan ends the transaction on its own thread and closes; the block is told if its work is lost."""
    ender = Ender("demo", grace=20, signals=(), state=str(tmp_path / "state"), exit="return", observers=())
    written, ended, raised = threading.Event(), threading.Event(), []
    connection = bank.open()

    def work() -> None:
        try:
            with transaction(ender, connection, at_end=at_end):
                bank.write(connection)
                written.set()
                ended.wait()
        except Exception as error:
            raised.append(type(error))

    thread = threading.Thread(target=work)
    with ender:
        thread.start()
        written.wait()
    made = bank.rows()
    ended.set()
    thread.join()

    with pytest.raises(Exception, match=r"(?i)closed"):
        bank.write(connection)
    assert (rows_, raises) == (made, raised)


def test_a_connection_for_one_thread_is_named_with_its_remedy(ender: Ender, tmp_path: Path) -> None:
    """sqlite3 lets no other thread touch it; its own thread still leaves the block well."""
    raised: list[BaseException] = []
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE t (id int)")
        with transaction(ender, connection, name="the books"):
            connection.execute("INSERT INTO t VALUES (1)")
            (standing,) = live(ender)

            def release() -> None:
                try:
                    ConnectionReleaser().release(standing.obligation, 1, context())
                except ReleaserError as error:
                    raised.append(error)

            thread = threading.Thread(target=release)
            thread.start()
            thread.join()

        assert [(1,)] == connection.execute("SELECT * FROM t").fetchall()
    assert "cannot rollback the books" in str(raised[0])
    assert "check_same_thread=False" in str(raised[0])


def test_a_commit_that_fails_at_the_end_stays_for_a_human(ender: Ender, database: str) -> None:
    """The policy was not kept; the transaction is rolled back and the connection closed."""
    connection = sqlite3.connect(database.removeprefix("sqlite:///"), check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE child (name TEXT REFERENCES leases (name) DEFERRABLE INITIALLY DEFERRED)")
    told = pytest.raises(StateError, match="its work is rolled back")
    with told, transaction(ender, connection, at_end="commit"):
        connection.execute("INSERT INTO child VALUES ('nobody')")
        (standing,) = live(ender)
        with pytest.raises(ReleaserError, match="its work is lost"):
            ender._home().release(standing.obligation)

    assert [State.DEAD] == [each.state for each in live(ender)]
    assert [] == rows(database, "SELECT * FROM child")
    ender._home().settled(standing.obligation)


def test_a_commit_that_fails_leaves_no_transaction(ender: Ender, database: str) -> None:
    """What the database says is raised, and nothing is owed."""
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("CREATE TABLE child (name TEXT REFERENCES leases (name) DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(sqlite3.IntegrityError), transaction(ender, connection):
            connection.execute("INSERT INTO child VALUES ('nobody')")

        assert (False, []) == (connection.in_transaction, live(ender))


def test_a_policy_that_does_not_exist_is_refused(ender: Ender) -> None:
    """Before anything is written, and in a record."""
    with closing(sqlite3.connect(":memory:")) as connection:
        refused = pytest.raises(ObligationError, match="neither rollback nor commit")
        with refused, transaction(ender, connection, at_end="maybe"):  # type: ignore[arg-type]
            pass
        with pytest.raises(ReleaserError, match="neither rollback nor commit"):
            ConnectionReleaser().release(owed("c", at_end="close"), 1, context())

    assert [] == live(ender)


def test_a_connection_of_the_dead_is_settled_by_a_recovery(tmp_path: Path, database: str) -> None:
    """It died with its process, and its work was rolled back."""
    source = """
import os, signal, sqlite3, sys
from processender import Ender
from processender.integrations.sql import transaction
connection = sqlite3.connect(sys.argv[1], check_same_thread=False)
with Ender("demo", grace=20) as ender, transaction(ender, connection, at_end="commit"):
    connection.execute("INSERT INTO leases (name) VALUES ('a')")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    state = tmp_path / "state"
    env = {"PROCESSENDER_STATE": str(state)}
    with Program(source, database.removeprefix("sqlite:///"), env=env) as running:
        running.wait(LIMIT_S)
    made = recovered(state)

    assert [State.RELEASED] == [each.state for each in made.settled]
    assert [] == rows(database, "SELECT * FROM leases")


def test_a_fork_child_leaves_the_connection_to_its_parent(ender: Ender, tmp_path: Path) -> None:
    """Neither its releaser nor leaving the block there touches it."""
    with closing(sqlite3.connect(tmp_path / "x.db", check_same_thread=False)) as connection:
        connection.execute("CREATE TABLE t (id int)")
        with transaction(ender, connection):
            connection.execute("INSERT INTO t VALUES (1)")
            (standing,) = live(ender)
            child = os.fork()
            if child == 0:
                os._exit(ConnectionReleaser().check(standing.obligation))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        assert (0, [(1,)]) == (code, connection.execute("SELECT * FROM t").fetchall())
