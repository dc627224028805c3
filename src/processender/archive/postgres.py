"""
The archive in PostgreSQL, for a fleet: whoever ends writes there, and whoever asks reads what was counted along.

The tables are those of the index, in the schema `processender`, which the first that writes makes; a role that may not
finds one that was made for it, and one that may only read can ask. Writers take turns by an advisory lock, for a few
milliseconds each. An account that comes twice is there once, so who is not sure sends it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ..accounts.entry import crash_line, line_of
from ..accounts.plain import is_crash
from ..accounts.reading import Line
from ..errors import ArchiveError, ReleaserError
from ..hints import Any
from ..secret import reveal
from . import sql
from .sql import SCHEMA, Database
from .writer import Writer

NAME = "processender"
"""The schema, and the name of the lock."""
WITHIN_S = 10.0
"""How long writing may take."""
_LEAST_S = 2
_LOCK = f"SELECT pg_advisory_xact_lock(hashtext('{NAME}_archive'))"
_THERE = f"SELECT to_regclass('{NAME}.runs') IS NOT NULL"


class Server(Database):
    """One connection to the tables, in one transaction."""

    def __init__(self, connection: Any) -> None:
        """Take the *connection*."""
        self._connection = connection
        self.troubles: tuple[str, ...] = ()
        """What could not be read: nothing, here."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterable[Sequence[Any]]:
        """Return the rows that the statement finds."""
        with translated(self._connection):
            # Of packed counts the text would be twice as long.
            found: Iterable[Sequence[Any]] = self._connection.execute(sql.replace("?", "%s"), values, binary=True)
        return found

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Carry out the statement with each of the *rows*."""
        if rows:
            self._connection.cursor().executemany(sql.replace("?", "%s"), rows)

    def now(self) -> float:
        """Return the date by the clock of the server, seconds since 1970."""
        ((now,),) = self.rows("SELECT extract(epoch FROM clock_timestamp())::double precision")
        return float(now)

    def close(self) -> None:
        """Give it up."""
        self._connection.close()


def connect(url: Any, patience: float = WITHIN_S) -> Server:
    """Return the archive at *url*, for reading: all that is asked of it comes from one moment; raise `ArchiveError`."""
    connection = connected(url, patience)
    with translated(connection):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if not connection.execute(_THERE).fetchone()[0]:
            text = f"there is no archive in PostgreSQL at {_address(connection)} yet, or it may not be read"
            raise ArchiveError(f"{text}; the first account that is written makes it, and a role needs SELECT on it")
        _begin(connection)
        _check(connection)
    return Server(connection)


def write(connection: Any, accounts: Iterable[Mapping[str, Any]], within: float = WITHIN_S) -> None:
    """
    Write *accounts*, of runs and of crashes, and close the *connection*: all of them or none, each once.

    Raise `ArchiveError` if that did not happen *within* so many seconds, and `ValueError` for what is no account.
    """
    try:
        kept = [(Line(crash_line(each) if is_crash(each) else line_of(each)), each) for each in accounts]
        with translated(connection):
            server = _alone(connection, within)
            Writer(server).note((line, "") for line, _ in kept)
            for line, account in kept:
                statement = sql.ADD_BEGUN_ACCOUNTS if line.kind == "start" else sql.ADD_ACCOUNTS
                server.many(statement, [(line.id, json.dumps(account))])
            connection.commit()
    finally:
        connection.close()


def add_mark(connection: Any, line: Line, within: float = WITHIN_S) -> None:
    """Write the *line* of a mark and close the *connection*; raise `ArchiveError` if it was not there in time."""
    try:
        with translated(connection):
            Writer(_alone(connection, within)).note([(line, "")])
            connection.commit()
    finally:
        connection.close()


def _alone(connection: Any, within: float) -> Server:
    """Return the archive, whose tables are there, and to which nobody else writes until the transaction ends."""
    connection.execute(f"SET LOCAL statement_timeout = {max(1, int(within * 1000))}")
    connection.execute(_LOCK)
    _make(connection)
    _begin(connection)
    _check(connection)
    return Server(connection)


def connected(url: Any, within: float = WITHIN_S) -> Any:
    """Return a connection to *url*, text or a reference to a secret; raise `ArchiveError` if there is none in time."""
    try:
        import psycopg  # noqa: PLC0415 - for those who have a PostgreSQL
    except ImportError as error:
        text = f"cannot reach PostgreSQL: {error}"
        raise ArchiveError(f"{text}; install it with: pip install 'processender[postgres]'") from error
    try:
        settings: dict[str, Any] = {**psycopg.conninfo.conninfo_to_dict(reveal(url))}
        if "@" in str(settings.get("host") or "")[1:]:
            # The password holds one, and its end was taken for a part of the host, which an error would quote.
            raise psycopg.ProgrammingError
    except ReleaserError as error:
        raise ArchiveError(f"cannot reach the archive: {error}") from error
    except psycopg.Error:
        # The error would quote the URL, and with it the password.
        text = "cannot read the URL of the archive; write postgresql://user@host:port/database"
        raise ArchiveError(f"{text}, with %-codes for what is no letter or digit") from None
    wait = max(_LEAST_S, int(within))
    limits: dict[str, Any] = {"connect_timeout": wait, "tcp_user_timeout": wait * 1000, "application_name": NAME}
    try:
        return psycopg.connect(**{**settings, **limits})
    except (psycopg.Error, ValueError) as error:
        raise ArchiveError(f"cannot reach the archive in PostgreSQL: {error}") from error


@contextmanager
def translated(connection: Any) -> Iterator[None]:
    """Let what goes wrong inside be an `ArchiveError`, and close the *connection* then."""
    try:
        yield
    except ArchiveError:
        connection.close()
        raise
    except Exception as error:
        where = _address(connection)
        connection.close()
        if type(error).__module__.startswith("psycopg"):
            raise ArchiveError(f"cannot use the archive in PostgreSQL at {where}: {error}") from error
        raise


def _make(connection: Any) -> None:
    """Make the tables, if there are none."""
    if connection.execute(_THERE).fetchone()[0]:
        return
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {NAME}")
    _begin(connection)
    for statement in sql.making():
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('schema', %s)", [str(SCHEMA)])


def _begin(connection: Any) -> None:
    connection.execute(f"SET LOCAL search_path = {NAME}")
    connection.execute("SET LOCAL jit = off")


def _check(connection: Any) -> None:
    """Raise `ArchiveError` for tables of a later version."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    if row is None or row[0] != str(SCHEMA):
        found = "unknown" if row is None else row[0][:20]
        text = f"the archive in PostgreSQL at {_address(connection)} has the version {found}, and this program knows"
        raise ArchiveError(f"{text} {SCHEMA}; update processender")


def _address(connection: Any) -> str:
    return f"{connection.info.host or 'local'}:{connection.info.port}"
