"""
The tables of an archive, the same in SQLite and in PostgreSQL, and what a database must be able to do.

Truth is in `runs`, a row for each run that has ended, and `opened`, one for each of which only the begin is known.
Everything else is counted along as they come in, by day, so that an overview reads thousands of rows and not millions:
`days` and `times` by cell (service, version, zone, deployment and cause together), `deeds` and `spans` by handler of a
cell, `whys` by reason of a handler. Three of them hold many counts in one value, see `buckets`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..hints import Any, Protocol

SCHEMA = 1
"""The version of the tables."""
_TABLES = {
    "meta": "name text PRIMARY KEY, value text NOT NULL",
    "cells": "id bigint PRIMARY KEY, service text NOT NULL, version text NOT NULL, zone text NOT NULL,"
    " deployment text NOT NULL, cause text NOT NULL",
    "handlers": "id bigint PRIMARY KEY, cell bigint NOT NULL, name text NOT NULL, phase text NOT NULL,"
    " importance text NOT NULL, timeout double precision, seen double precision NOT NULL",
    "reasons": "id bigint PRIMARY KEY, handler bigint NOT NULL, text text NOT NULL",
    "runs": "id text PRIMARY KEY, cell bigint NOT NULL, began double precision NOT NULL, seconds double precision,"
    " window_s double precision NOT NULL, verdict text NOT NULL, node text NOT NULL, instance text NOT NULL,"
    " undone bigint NOT NULL, place text NOT NULL, deeds text NOT NULL",
    "opened": "id text PRIMARY KEY, cell bigint NOT NULL, day bigint NOT NULL, began double precision NOT NULL,"
    " due double precision NOT NULL, window_s double precision NOT NULL, node text NOT NULL, instance text NOT NULL,"
    " place text NOT NULL",
    "days": "day bigint NOT NULL, cell bigint NOT NULL, verdict text NOT NULL, n bigint NOT NULL,"
    " first double precision NOT NULL, last double precision NOT NULL, PRIMARY KEY (day, cell, verdict)",
    "times": "day bigint NOT NULL, cell bigint NOT NULL, counts bytea NOT NULL, PRIMARY KEY (day, cell)",
    "deeds": "day bigint NOT NULL, handler bigint NOT NULL, counts bytea NOT NULL, PRIMARY KEY (day, handler)",
    "spans": "day bigint NOT NULL, handler bigint NOT NULL, counts bytea NOT NULL, PRIMARY KEY (day, handler)",
    "whys": "day bigint NOT NULL, reason bigint NOT NULL, n bigint NOT NULL, PRIMARY KEY (day, reason)",
    "marks": "at double precision NOT NULL, kind text NOT NULL, text text NOT NULL, service text NOT NULL,"
    " PRIMARY KEY (at, kind, text, service)",
    "sources": "path text PRIMARY KEY, head bigint NOT NULL, size bigint NOT NULL, done bigint NOT NULL,"
    " damaged bigint NOT NULL, newer bigint NOT NULL",
    "accounts": "id text PRIMARY KEY, account text NOT NULL",
}
_INDEXES = (
    "runs_began ON runs (began)",
    "runs_cell ON runs (cell, began)",
    "opened_due ON opened (due)",
    "cells_service ON cells (service)",
    "handlers_cell ON handlers (cell)",
    "reasons_handler ON reasons (handler)",
)


class Database(Protocol):
    """One connection to the tables."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterable[Sequence[Any]]:
        """Return the rows that the statement, with `?` for each of the *values*, finds."""

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Carry out the statement with each of the *rows*."""


def making(end: str = "") -> list[str]:
    """Return the statements that make what is missing; *end* stands behind each table but that of the runs."""
    tables = [
        f"CREATE TABLE IF NOT EXISTS {name} ({columns}){'' if name == 'runs' else end}"
        for name, columns in _TABLES.items()
    ]
    return [*tables, *(f"CREATE INDEX IF NOT EXISTS {each}" for each in _INDEXES)]


ADD_RUNS = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
ADD_OPENED = "INSERT INTO opened VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
CLOSE_OPENED = "DELETE FROM opened WHERE id = ?"
ADD_CELLS = "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?)"
ADD_HANDLERS = "INSERT INTO handlers VALUES (?, ?, ?, ?, ?, NULL, 0)"
ADD_REASONS = "INSERT INTO reasons VALUES (?, ?, ?)"
ADD_MARKS = "INSERT INTO marks VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
SET_TIMEOUTS = "UPDATE handlers SET timeout = ?, seen = ? WHERE id = ? AND seen <= ?"
ADD_DAYS = """INSERT INTO days VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (day, cell, verdict) DO UPDATE
 SET n = days.n + excluded.n, first = CASE WHEN excluded.first < days.first THEN excluded.first ELSE days.first END,
 last = CASE WHEN excluded.last > days.last THEN excluded.last ELSE days.last END"""
PACKED = {"times": "cell", "deeds": "handler", "spans": "handler"}
"""The tables of packed counts, by day and what else."""
BLOCKED = ("deeds", "spans")
"""Those of them that hold blocks of days, too, under numbers below zero, see `sums`."""
ADD_WHYS = "INSERT INTO whys VALUES (?, ?, ?) ON CONFLICT (day, reason) DO UPDATE SET n = whys.n + excluded.n"
SET_SOURCE = """INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET head = excluded.head,
 size = excluded.size, done = excluded.done, damaged = excluded.damaged, newer = excluded.newer"""
ADD_BEGUN_ACCOUNTS = "INSERT INTO accounts VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
ADD_ACCOUNTS = """INSERT INTO accounts VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET account = excluded.account"""


def packed(table: str, pairs: int) -> str:
    """Return the statement that reads as many *pairs* of day and number of a *table* of packed counts."""
    what = PACKED[table]
    wanted = ", ".join(["(?, ?)"] * pairs)
    return f"SELECT day, {what}, counts FROM {table} WHERE (day, {what}) IN (VALUES {wanted})"


def set_packed(table: str) -> str:
    """Return the statement that writes the packed counts of a day and a number."""
    there = f"ON CONFLICT (day, {PACKED[table]}) DO UPDATE SET counts = excluded.counts"
    return f"INSERT INTO {table} VALUES (?, ?, ?) {there}"
