"""
Sessions and advisory locks of PostgreSQL: what a dead client has left on the server.

A server notices that a client died when its socket closes; it does not while a child of the client keeps the socket
open, or the network has swallowed the end. A session is told by its process number and its start, since numbers are
given again, or by the id of its obligation, which it carries as `application_name`. An advisory lock belongs to its
session and goes with it. Not through a pooler that hands sessions on, such as PgBouncer in transaction mode.

Source: the views `pg_stat_activity` and `pg_locks` and the function `pg_terminate_backend` in PostgreSQL's manual.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

from ..core.obligation import Obligation
from ..errors import LockHeld, ReleaserError, Transient
from ..hints import AbstractContextManager, Any, Protocol
from ..ports import Context
from ..secret import reveal, without_password

_CONNECT_S = 10.0
_STARTED = "to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
_OURS = f"pid <> pg_backend_pid() AND (application_name = %(id)s OR (pid = %(pid)s AND {_STARTED} = %(started)s))"
_WHO = f"SELECT pid, {_STARTED} FROM pg_stat_activity WHERE pid = pg_backend_pid()"  # noqa: S608 - constants
_HOLDS = """EXISTS (
    SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.pid = a.pid AND d.datname = current_database() AND l.locktype = 'advisory'
    AND (l.classid, l.objid, l.objsubid) = (%(high)s::oid, %(low)s::oid, %(parts)s))"""


class Owing(Protocol):
    """An Ender, as far as a session needs it."""

    def obligation(self, kind: str, *, key: str, releaser: str = "", **args: Any) -> Any:
        """Return a thing that must be released."""


class SessionReleaser:
    """
    Ends a session. The arguments are `url`, text without a password or a reference to a secret, and, once it exists,
    `pid` and `started` as `session` writes them down; before that it is found by its `application_name`.
    """

    condition = "TRUE"

    def dependency(self, obligation: Obligation) -> str:
        """Return the server, without credentials."""
        return f"postgres {_server(reveal(obligation.args.get('url')))}"

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the very session is there."""
        with _Connection(obligation.args.get("url"), _CONNECT_S) as base:
            return base.execute(f"SELECT FROM {self._meant}", self.facts(obligation)).fetchone() is not None

    @property
    def _meant(self) -> str:
        # Only constants; what a record says is bound.
        return "pg_stat_activity a WHERE " + _OURS + " AND (application_name = %(id)s OR " + self.condition + ")"

    def facts(self, obligation: Obligation) -> dict[str, Any]:
        """Return what tells the session."""
        pid, started = obligation.args.get("pid"), obligation.args.get("started")
        known = isinstance(pid, int) and isinstance(started, str)
        return {"id": obligation.id, "pid": pid if known else 0, "started": started if known else ""}

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """End it and return when it is gone; raise `Transient` while the server does not let go of it."""
        end = f"SELECT pg_terminate_backend(pid) FROM {self._meant}"  # noqa: S608 - constants
        with _Connection(obligation.args.get("url"), ctx.remaining()) as base:
            while base.execute(end, self.facts(obligation)).fetchall():
                if ctx.remaining() <= 0:
                    raise Transient(f"cannot end the session of {obligation.label}: the server does not let go of it")
                base.execute("SELECT pg_sleep(0.02)")


class AdvisoryLockReleaser(SessionReleaser):
    """
    Releases an advisory lock by ending the session that holds it, or waits for it, if that is the obligation's own.

    The key is that of the lock, a number or two with a comma between; the arguments are those of `postgres-session`.
    """

    condition = _HOLDS

    def facts(self, obligation: Obligation) -> dict[str, Any]:
        """Return what tells the session and the lock."""
        numbers = _numbers(obligation.key)
        if len(numbers) == 1:
            high, low = (numbers[0] >> 32) & 0xFFFFFFFF, numbers[0] & 0xFFFFFFFF
        else:
            high, low = numbers[0] & 0xFFFFFFFF, numbers[1] & 0xFFFFFFFF
        return super().facts(obligation) | {"high": high, "low": low, "parts": len(numbers)}


def session(owing: Owing, url: Any, **options: Any) -> AbstractContextManager[Any]:
    """
    Return the block of one session; it gives a connection of psycopg, and leaving it rolls back and closes.

    Args:

        owing: The Ender.

        url: `postgresql://user@host:port/database` without a password, or a reference to a secret with it:
            `{"env": NAME}` or `{"file": PATH}`.

        options: More options of `psycopg.connect`.
    """
    return _block(owing, "postgres-session", "session", without_password(url), options, _nothing)


def advisory_lock(owing: Owing, url: Any, key: int | str, *, timeout: float = 0.0) -> AbstractContextManager[Any]:
    """
    Return the block that holds an advisory lock in a session of its own, and gives its connection.

    Args:

        owing: The Ender.

        url: See `session`.

        key: The key, a number of 64 bits, or as text two of 32 bits with a comma between.

        timeout: How long to wait for it, seconds; entering raises `LockHeld` when it is held all that time.
    """
    numbers = _numbers(str(key))
    marks = ", ".join(["%s"] * len(numbers))

    def take(base: Any) -> None:
        errors = _driver().errors
        try:
            if timeout > 0:
                base.execute("SELECT set_config('lock_timeout', %s, false)", [f"{timeout * 1000:.0f}ms"])
                base.execute(f"SELECT pg_advisory_lock({marks})", numbers)
                base.execute("RESET lock_timeout")
            elif not base.execute(f"SELECT pg_try_advisory_lock({marks})", numbers).fetchone()[0]:
                raise LockHeld(f"cannot take the advisory lock {key}: another session holds it")
        except errors.LockNotAvailable:
            raise LockHeld(f"cannot take the advisory lock {key}: another session holds it since {timeout} s") from None

    return _block(owing, "postgres-lock", str(key), without_password(url), {"autocommit": True}, take)


def _block(
    owing: Owing, kind: str, key: str, url: Any, options: Mapping[str, Any], enter: Callable[[Any], None]
) -> AbstractContextManager[Any]:  # fmt: skip
    from contextlib import contextmanager  # noqa: PLC0415 - 3 ms, for those who need it

    driver = _driver()
    held = owing.obligation(kind, key=key, url=url)

    @contextmanager
    def block() -> Generator[Any]:
        held.acquire()
        base = driver.connect(reveal(url), **{**options, "application_name": held.id})
        try:
            pid, started = base.execute(_WHO).fetchone()
            held.acquired(str(pid), pid=pid, started=started)
            enter(base)
            yield base
        finally:
            # A transaction that is open is rolled back by the server.
            base.close()
            held.settle()

    return block()


def _nothing(base: Any) -> None:
    # What `pg_stat_activity` was asked in is no transaction of the application's.
    base.rollback()


class _Connection:
    """A connection of the releaser's own, whose every step is bounded; what psycopg raises becomes an error of ours."""

    def __init__(self, url: Any, seconds: float) -> None:
        self._driver = _driver()
        self._url = reveal(url)
        limit = max(1, int(min(seconds, _CONNECT_S)))
        self._options = {
            "connect_timeout": limit,
            "tcp_user_timeout": limit * 1000,
            "options": f"-c statement_timeout={limit * 1000}",
            "application_name": "processender",
            "autocommit": True,
        }
        self._base: Any = None

    def __enter__(self) -> Any:
        try:
            self._base = self._driver.connect(self._url, **self._options)
        except self._driver.Error as error:
            raise self._translated(error) from error
        return self._base

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._base.close()
        if isinstance(error, self._driver.Error):
            raise self._translated(error) from error

    def _translated(self, error: Any) -> Exception:
        text = f"postgres at {_server(self._url)}: {str(error).strip()}"
        return Transient(text) if isinstance(error, self._driver.OperationalError) else ReleaserError(text)


def _driver() -> Any:
    try:
        import psycopg  # noqa: PLC0415 - for those who need it
    except ImportError as error:
        text = "cannot reach PostgreSQL: its driver is missing"
        raise ReleaserError(f"{text}; pip install 'processender[postgres]'") from error
    return psycopg


def _server(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or "of the environment"


def _numbers(key: str) -> list[int]:
    parts = key.split(",")
    bits = 64 if len(parts) == 1 else 32
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = []
    limit = 1 << (bits - 1)
    if len(parts) > 2 or not numbers or not all(-limit <= number < limit for number in numbers):
        text = f"{key!r} is no key of an advisory lock"
        raise ReleaserError(f"{text}; give a number of 64 bits, or two of 32 bits with a comma between")
    return numbers
