"""
Databases of any kind: statements that undo what a dead process has left in one, and connections of this process.

What stands in a database after a crash (the row of a lease, a prepared transaction) is released by statements, over
SQLAlchemy. What dies with the process (an open transaction) needs no recovery, only an end in time: a connection of
DB-API 2.0 (PEP 249), or of SQLAlchemy, is rolled back or committed, and closed.
"""

from __future__ import annotations

import threading
from collections.abc import Generator

from ..core.obligation import Obligation
from ..errors import ReleaserError, StateError, Transient
from ..hints import AbstractContextManager, Any, Protocol, Self
from ..ports import Context
from ..secret import reveal


class Owing(Protocol):
    """An Ender, as far as a connection needs it."""

    def obligation(self, kind: str, *, key: str, releaser: str = "", **args: Any) -> Any:
        """Return a thing that must be released."""


class SqlReleaser:
    """
    Runs statements in one transaction.

    The arguments are `url`, a URL of SQLAlchemy without a password or a reference to a secret; `release`, a statement
    or a list of them; and, if there is one, `check`, a query whose first value tells whether there is something to
    release. `:id`, `:key`, `:ref` and `:token` in them are bound to those of the obligation. They must be safe to run
    twice. With `autocommit` they count one by one, for those that no transaction may hold, such as ROLLBACK PREPARED.
    """

    def dependency(self, obligation: Obligation) -> str:
        """Return the database, without credentials."""
        url = reveal(obligation.args.get("url"))
        return f"sql {url.partition('://')[0]} {url.partition('://')[2].partition('?')[0].rpartition('@')[2]}"

    def check(self, obligation: Obligation) -> bool:
        """Ask the query, if there is one."""
        query = obligation.args.get("check")
        if query is None:
            return True
        with _Database(obligation) as base:
            found = base.run(query, 0)
            row = found.first() if found.returns_rows else None
        return row is not None and bool(row[0])

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Run the statements, all or none."""
        given = obligation.args.get("release")
        statements = [given] if isinstance(given, str) else given
        if not isinstance(statements, list) or not statements:
            raise ReleaserError(f"cannot release {obligation.label}: its arguments need release=, a statement or more")
        with _Database(obligation) as base:
            for statement in statements:
                base.run(statement, token)


class _Database:
    """One connection in one transaction: committed when the block ends, rolled back when it raises, closed always."""

    def __init__(self, obligation: Obligation) -> None:
        try:
            import sqlalchemy  # noqa: PLC0415 - for those who need it
        except ImportError as error:
            text = "cannot reach the database: SQLAlchemy is missing"
            raise ReleaserError(f"{text}; pip install 'processender[sqlalchemy]' and the driver") from error
        self._sqlalchemy: Any = sqlalchemy
        self._obligation = obligation
        url = reveal(obligation.args.get("url"))
        more = {"isolation_level": "AUTOCOMMIT"} if obligation.args.get("autocommit") else {}
        try:
            self._engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, hide_parameters=True, **more)
        except (sqlalchemy.exc.ArgumentError, ImportError) as error:
            raise ReleaserError(f"cannot reach the database of {obligation.label}: {error}") from error

    def __enter__(self) -> Self:
        try:
            self._base = self._engine.connect()
        except self._sqlalchemy.exc.SQLAlchemyError as error:
            self._engine.dispose()
            raise self._translated(error) from error
        return self

    def run(self, statement: Any, token: int) -> Any:
        """Run one statement."""
        if not isinstance(statement, str):
            raise ReleaserError(f"cannot release {self._obligation.label}: {statement!r} is no statement")
        text = self._sqlalchemy.text(statement)
        owed = self._obligation
        known = {"id": owed.id, "key": owed.key, "ref": owed.ref, "token": token}
        names = set(text.compile().params)
        if names - set(known):
            raise ReleaserError(f"cannot bind {min(names - set(known))!r}: there are {', '.join(sorted(known))}")
        return self._base.execute(text, {name: known[name] for name in names})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        errors = self._sqlalchemy.exc
        try:
            if error is None:
                self._base.commit()
            else:
                self._base.rollback()
        except errors.SQLAlchemyError as failed:
            raise self._translated(failed) from failed
        finally:
            self._base.close()
            self._engine.dispose()
        if isinstance(error, errors.SQLAlchemyError):
            raise self._translated(error) from error

    def _translated(self, error: Any) -> Exception:
        text = f"the database refused to release {self._obligation.label}: {error}"
        errors = self._sqlalchemy.exc
        passing = isinstance(error, errors.OperationalError | errors.InternalError | errors.TimeoutError)
        return Transient(text) if passing else ReleaserError(text)


_open: dict[str, tuple[Any, str]] = {}
"""The connections of this process that are in a transaction, each with what its end makes of that."""
_guard = threading.Lock()


class ConnectionReleaser:
    """Rolls back or commits a connection of this process, as its arguments say, and closes it; a dead one has none."""

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the connection is one of this process."""
        with _guard:
            return obligation.id in _open

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """End the transaction and close the connection; an error of the driver is told."""
        with _guard:
            connection, at_end = _open.pop(obligation.id, (None, ""))
        if connection is None:
            return
        try:
            _end(connection, commit=at_end == "commit")
        except Exception as error:
            text = f"cannot {at_end} {obligation.label}: {error}"
            raise ReleaserError(f"{text}; the database rolls it back when the process is gone") from error


def transaction(
    owing: Owing, connection: Any, name: str, *, at_end: str = "rollback"
) -> AbstractContextManager[Any]:  # fmt: skip
    """
    Return the block of one transaction, which commits when it is left, rolls back when it raises, and closes.

    Args:

        owing: The Ender.

        connection: An open connection of DB-API 2.0, or of SQLAlchemy. The end of the process comes on another thread,
            which it must allow (`sqlite3` with `check_same_thread=False`).

        name: What a person knows it by.

        at_end: What the end of the process makes of it if the block is not left in time: `rollback` or `commit`.
    """
    from contextlib import contextmanager  # noqa: PLC0415 - 3 ms, for those who need it

    if at_end not in {"rollback", "commit"}:
        raise ReleaserError(f"cannot owe the end of {name!r} with at_end={at_end!r}: it is 'rollback' or 'commit'")
    held = owing.obligation("connection", key=name, at_end=at_end)

    @contextmanager
    def block() -> Generator[Any]:
        held.acquire()
        with _guard:
            _open[held.id] = connection, at_end
        failed = True
        try:
            yield connection
            failed = False
        finally:
            with _guard:
                ours = _open.pop(held.id, None) is not None
            if ours:
                try:
                    _end(connection, commit=not failed)
                finally:
                    held.settle()
        if not ours:
            raise StateError(f"the end of the process came first: the transaction {name!r} got a {at_end}")

    return block()


def _end(connection: Any, *, commit: bool) -> None:
    try:
        if commit:
            connection.commit()
        else:
            connection.rollback()
    finally:
        connection.close()
