"""Connections to PostgreSQL that are owed while a block runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...errors import LockHeld, ObligationError
from ...hints import Any
from ...ports import Owing
from ...secret import reveal
from .releaser import lock_numbers
from .server import address, driver, parsed

_ID = """SELECT a.pid, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"+00"')
 FROM pg_stat_activity AS a WHERE a.pid = pg_backend_pid()"""


@contextmanager
def session(owing: Owing, url: Any, **options: Any) -> Iterator[Any]:
    """
    Open a psycopg connection that the Ender *owing* owes; leaving the block rolls it back and closes it.

    The *url* is text without a password, or a reference to a secret, which the journal keeps as it is; *options* are
    what `psycopg.connect` takes beside. Raises `ObligationError` for text with a password.
    """
    with _owed(_owe(owing, "postgres-session", "", url), url, options) as opened:
        yield opened


@contextmanager
def advisory_lock(owing: Owing, url: Any, key: str | int, *, timeout: float = 0.0, **options: Any) -> Iterator[Any]:
    """
    Open a connection that holds the advisory lock *key*, a bigint or two ints as `1,2`; see `session`.

    Raises `LockHeld` when another session holds it for *timeout* seconds; 0.0 means now.
    """
    numbers = lock_numbers(str(key))
    marks = "%s::int, %s::int" if len(numbers) == 2 else "%s::bigint"
    patience = f"{max(1, int(timeout * 1000))}ms"
    first = [
        # It counts up to the end of the transaction, and the lock beyond it.
        ("SELECT set_config('lock_timeout', %s, true)", [patience]),
        (f"SELECT pg_advisory_lock({marks})", numbers),
    ]
    held = _owe(owing, "postgres-lock", str(key), url)
    with _owed(held, url, options, first) as opened:
        yield opened
        opened.rollback()
        # Closing frees it too, but a moment after the block.
        opened.execute(f"SELECT pg_advisory_unlock({marks})", numbers)


def _owe(owing: Owing, kind: str, key: str, url: Any) -> Any:
    settings = parsed(url)
    if isinstance(url, str) and (settings.get("password") or settings.get("sslpassword")):
        text = f"cannot owe a {kind} at {address(settings)}: its URL has a password, which the journal would keep"
        raise ObligationError(f'{text}; hand over a reference, {{"env": NAME}} or {{"file": PATH}}, or use a passfile')
    return owing.obligation(kind, key=key or f"{address(settings)}/{settings.get('dbname', '')}", url=url)


@contextmanager
def _owed(held: Any, url: Any, options: dict[str, Any], first: Sequence[tuple[str, Any]] = ()) -> Iterator[Any]:
    psycopg = driver()
    with held:
        try:
            opened = psycopg.connect(reveal(url), **{**options, "application_name": held.id})
        except Exception:
            held.settle()  # the socket is closed, and nobody else ever had it
            raise
        try:
            with opened.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
                for statement in first:
                    cursor.execute(*statement)
                pid, start = cursor.execute(_ID).fetchone()
            opened.rollback()
            held.acquired(str(pid), pid=pid, backend_start=start)
            yield opened
        except psycopg.errors.LockNotAvailable as error:
            text = f"cannot take the advisory lock {held.obligation.key}: another session holds it"
            raise LockHeld(text) from error
        finally:
            if _close(opened, psycopg.Error):
                held.settle()


def _close(opened: Any, refusal: type[Exception]) -> bool:
    """Tell whether the connection was sound; else the releaser must ask what became of the session."""
    try:
        opened.rollback()
    except refusal:
        return False
    finally:
        opened.close()
    return True
