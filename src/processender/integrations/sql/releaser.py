"""What statements release in any database that SQLAlchemy reaches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...core.obligation import Obligation
from ...errors import ReleaserError, Transient
from ...hints import Any
from ...ports import Context
from ...secret import check_reference, refuse_password, reveal

_PASSING = {5, 6, 10, 13, 14}
"""Of SQLite: SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL and SQLITE_CANTOPEN."""


class SqlReleaser:
    r"""
    Runs statements in a database, all of them in one transaction or none.

    The arguments are `url`, an SQLAlchemy URL without a password or a reference to a secret that holds one; `release`,
    one statement or a list; and, better with than without, `check`, a query whose first value tells whether the thing
    is still there. `:id`, `:key`, `:ref` and `:token` in them are bound, never formatted in; a colon of another meaning
    is written as `\:`. With `autocommit` true each statement stands alone, as `ROLLBACK PREPARED` must.
    """

    def dependency(self, obligation: Obligation) -> str:
        """Return the name of the server, without credentials."""
        try:
            url = _parsed(obligation)
        except ReleaserError:
            return "sql"  # the attempt says why
        return f"{url.get_backend_name()} {f'{url.host}:{url.port}' if url.host else url.database}"

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for arguments without a URL or statements, and for a password in them."""
        check_reference(obligation.args.get("url"), "url")
        refuse_password(obligation.args.get("url"))
        _statements(obligation)

    def check(self, obligation: Obligation) -> bool:
        """Tell what the query tells; without one there may be something to release."""
        _statements(obligation)
        if not obligation.args.get("check"):
            return True
        with _engine(obligation) as engine:
            return _is_there(engine, obligation, {**_values(obligation), "token": 0})

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Run the statements, unless the query tells that it is gone; raise `Transient` if it is there afterwards."""
        statements, values = _statements(obligation), {**_values(obligation), "token": token}
        with _engine(obligation) as engine:
            if not _is_there(engine, obligation, values):
                return
            from sqlalchemy import text  # noqa: PLC0415 - for those who have it

            with engine.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement), values)
            if obligation.args.get("check") and _is_there(engine, obligation, values):
                raise Transient(f"cannot release {obligation.label}: its statements have run and it is still there")


def _values(obligation: Obligation) -> dict[str, Any]:
    return {"id": obligation.id, "key": obligation.key, "ref": obligation.ref}


def _statements(obligation: Obligation) -> Sequence[str]:
    release, check = obligation.args.get("release"), obligation.args.get("check", "")
    statements = [release] if isinstance(release, str) else release
    if not isinstance(statements, list) or not statements or not all(isinstance(each, str) for each in statements):
        raise ReleaserError(f"cannot release {obligation.label}: release= must be a statement or a list of them")
    if not isinstance(check, str):
        raise ReleaserError(f"cannot release {obligation.label}: check= must be a query")
    return statements


def _is_there(engine: Any, obligation: Obligation, values: dict[str, Any]) -> bool:
    from sqlalchemy import text  # noqa: PLC0415 - for those who have it

    query = obligation.args.get("check")
    if not query:
        return True
    with engine.connect() as connection:
        row = connection.execute(text(query), values).first()
        return row is not None and bool(row[0])


@contextmanager
def _engine(obligation: Obligation) -> Iterator[Any]:
    """Make an engine that keeps no connection; what the database says no to is permanent, what may pass `Transient`."""
    url = _parsed(obligation)
    from sqlalchemy import create_engine, exc, pool  # noqa: PLC0415 - for those who have it

    options = {"isolation_level": "AUTOCOMMIT"} if obligation.args.get("autocommit") is True else {}
    try:
        engine = create_engine(url, poolclass=pool.NullPool, **options)
    except (ImportError, exc.SQLAlchemyError) as error:
        text = f"cannot release {obligation.label}: no driver for {url.drivername}: {error}"
        raise ReleaserError(f"{text}; install it, then retry it") from error
    try:
        yield engine
    except exc.DBAPIError as error:
        text = f"cannot release {obligation.label}: {type(error.orig).__name__}: {error.orig}"
        if error.connection_invalidated or (isinstance(error, exc.OperationalError) and _may_pass(error.orig)):
            raise Transient(text) from error
        raise ReleaserError(f"{text}; mend the database or the statement, then retry it") from error
    except exc.SQLAlchemyError as error:
        text = f"cannot release {obligation.label}: {error.args[0] if error.args else error}"
        raise ReleaserError(f"{text}; mend the statement, then retry it") from error
    finally:
        engine.dispose()


def _may_pass(error: Any) -> bool:
    """Tell whether another attempt may succeed; SQLite calls a wrong statement an operational error as well."""
    code = getattr(error, "sqlite_errorcode", None)
    # The primary code is the low byte, see sqlite.org/rescode.html.
    return code is None or code & 0xFF in _PASSING


def _parsed(obligation: Obligation) -> Any:
    """Return the URL; the message never shows a part of it."""
    try:
        from sqlalchemy import exc, make_url  # noqa: PLC0415 - for those who have it
    except ImportError as error:
        text = f"cannot release {obligation.label}: {error}"
        raise ReleaserError(f"{text}; install it with: pip install 'processender[sqlalchemy]'") from error
    secret = reveal(obligation.args.get("url"))
    try:
        return make_url(secret)
    except (exc.SQLAlchemyError, ValueError):
        text = f"cannot read the URL of the database of {obligation.label}"
        raise ReleaserError(f"{text}; write driver://user@host:port/database, with %-codes") from None
