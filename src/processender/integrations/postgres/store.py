"""Small states in PostgreSQL, for where the disk does not last and a database is at hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from ...core.saved import Saved, as_json
from ...errors import JournalError, ReleaserError
from ...hints import Any
from .server import LOOK_S, address, driver, parsed

_MAKE = """CREATE TABLE IF NOT EXISTS processender_states (
 service text NOT NULL, key text NOT NULL, version bigint NOT NULL, data text, deltas text[] NOT NULL,
 PRIMARY KEY (service, key))"""
# Text and not jsonb, which refuses NUL, drops the order of names and rounds numbers.
_SAVE = """INSERT INTO processender_states VALUES (%s, %s, 1, %s, '{}')
 ON CONFLICT (service, key) DO UPDATE
 SET version = processender_states.version + 1, data = excluded.data, deltas = '{}'"""
_EXTEND = """INSERT INTO processender_states VALUES (%s, %s, 0, NULL, ARRAY[%s])
 ON CONFLICT (service, key) DO UPDATE SET deltas = processender_states.deltas || excluded.deltas"""
_LOAD = "SELECT version, data, deltas FROM processender_states WHERE service = %s AND key = %s"
_EASY = "SET LOCAL synchronous_commit = off"
_THERE = "SELECT to_regclass('processender_states')"


class PostgresStore:
    """
    The states of one service in PostgreSQL; give it to `Ender(store=...)`. Safe for threads, and for many processes.

    They are rows of the table `processender_states`, which is made by the first that saves, in the first schema of the
    role's search path; a role that may not create tables finds one that was made for it. With `durable=False` the
    server answers before its disk has it: a crash of the server may lose the last of it, one of the client nothing.
    """

    def __init__(self, url: Any, service: str) -> None:
        """Take where the server is, text or a reference to a secret, and the name under which the states are kept."""
        try:
            self._where = address(parsed(url))
        except ReleaserError as error:
            raise JournalError(f"cannot use the states of {service!r}: {error}") from error
        self._url = url
        self._service = service

    def save(self, entries: Mapping[str, Any], *, durable: bool) -> None:
        """Replace the snapshots of these keys, all of them or none; raise `JournalError`."""
        # Two that save the same keys wait for each other in one order.
        rows = [(self._service, key, as_json(key, entries[key])) for key in sorted(entries)]
        self._write(_SAVE, rows, durable=durable)

    def extend(self, key: str, delta: Any, *, durable: bool) -> None:
        """Add *delta* behind the snapshot of *key*; raise `JournalError`."""
        self._write(_EXTEND, [(self._service, key, as_json(key, delta))], durable=durable)

    def load(self, key: str) -> Saved | None:
        """Return what was saved, None for nothing; raise `JournalError`."""

        def read(server: Any) -> Any:
            if server.execute(_THERE).fetchone()[0] is None:
                return None
            return server.execute(_LOAD, (self._service, key)).fetchone()

        row = self._run(read)
        if row is None:
            return None
        version, data, deltas = row
        return Saved(version, json.loads(data or "null"), tuple(map(json.loads, deltas)))

    def close(self) -> None:
        """Give it up; every call has a connection of its own."""

    def _write(self, statement: str, rows: list[tuple[str, str, str]], *, durable: bool) -> None:
        def write(server: Any) -> None:
            if server.execute(_THERE).fetchone()[0] is None:
                # Of those that make it at once all but one would fail: the server does not order them.
                server.execute("SELECT pg_advisory_xact_lock(hashtext('processender_states'))")
                server.execute(_MAKE)
            if not durable:
                server.execute(_EASY)
            for row in rows:
                server.execute(statement, row)

        self._run(write)

    def _run(self, call: Callable[[Any], Any]) -> Any:
        """Do *call* in one transaction."""
        psycopg, text = driver(), f"cannot use the states of {self._service!r}"
        wait = int(LOOK_S)
        limits = {"connect_timeout": wait, "tcp_user_timeout": wait * 1000, "application_name": "processender"}
        try:
            with psycopg.connect(**{**parsed(self._url), **limits}) as server:
                return call(server)
        except ReleaserError as error:
            raise JournalError(f"{text}: {error}") from error
        except psycopg.Error as error:
            raise JournalError(f"{text}: PostgreSQL at {self._where}: {error}") from error
