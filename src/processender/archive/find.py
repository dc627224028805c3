"""Where an archive is: below a directory, of one host or collected from many, or in PostgreSQL."""

from __future__ import annotations

import json
import os

from ..accounts.plain import KILLED
from ..demand import load
from ..errors import ArchiveError
from ..hints import Any, Protocol, Self
from .answers import Entry, Overview, Question
from .counting import filters
from .index import PATIENCE_S, open_index
from .ingest import Progress, read_object
from .overview import RECENT, overview
from .sql import Database

MOST_AT_ONCE = 10_000
"""How many entries are handed out at once."""
_FEW_CELLS = 64
_LOOKED_AT = 100
_ENDED = "SELECT id, cell, began, seconds, window_s, verdict, node, instance, undone, place FROM runs"
_OPENED = f"SELECT id, cell, began, NULL, window_s, '{KILLED}', node, instance, 0, place FROM opened"


class Store(Database, Protocol):
    """A database with an archive."""

    troubles: tuple[str, ...]

    def now(self) -> float:
        """Return the date by its clock."""

    def close(self) -> None:
        """Give it up."""


class Archive:
    """What became of every run; a context manager."""

    def __init__(self, store: Store, root: str = "") -> None:
        """Take the *store*, and the directory in which the reports are; without one they are in the store."""
        self._store = store
        self._root = root

    def __enter__(self) -> Self:
        """Leave it open until the block is left."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    def overview(self, question: Question | None = None) -> Overview:
        """Return how the runs went that are meant."""
        asked = question or Question()
        found = overview(self._store, asked, self._store.now(), self.recent(asked, RECENT))
        return found.replace(troubles=(*self._store.troubles, *found.troubles))

    def recent(self, question: Question, limit: int = RECENT, before: str = "") -> tuple[Entry, ...]:
        """
        Return runs that are meant, the newest first.

        Args:

            question: Which are meant.

            limit: How many at most, up to 10,000.

            before: The id of a run: those that are older follow, as the next page.
        """
        return tuple(entry for entry, _ in self._recent(question, min(limit, MOST_AT_ONCE), before))

    def account(self, number: str = "") -> dict[str, Any] | None:
        """Return the account of the run with this id, by default of the last one; None if it is not kept any more."""
        if number:
            of_id = [self._store.rows(f"{sql} WHERE id = ?", (number,)) for sql in (_ENDED, _OPENED)]
            places = [(number, row[9]) for rows in of_id for row in rows]
        else:
            places = [(entry.id, place) for entry, place in self._recent(Question(), _LOOKED_AT, "")]
        return next((found for each, place in places if (found := self._read(each, place)) is not None), None)

    def close(self) -> None:
        """Give it up."""
        self._store.close()

    def _read(self, number: str, place: str) -> dict[str, Any] | None:
        if not self._root:
            for (text,) in self._store.rows("SELECT account FROM accounts WHERE id = ?", (number,)):
                return dict(json.loads(text))
            return None
        if os.path.basename(number) != number:
            return None  # an id from a line that somebody has made up
        try:
            account = read_object(os.path.join(self._root, place, "reports", f"{number}.json"))
        except (OSError, ValueError, RecursionError):
            return None
        return account if account.get("schema") == 1 else None

    def _recent(self, question: Question, limit: int, before: str) -> list[tuple[Entry, str]]:
        """Return entries, and the directories of their services."""
        edge = self._edge(before)
        chosen, values = filters(question)
        cells = dict(self._cells(chosen, values))
        rows: list[Any] = []
        for sql, due in ((_ENDED, ""), (_OPENED, " AND due < ?")):
            meant = f"WHERE began >= ? AND began < ? AND (began < ? OR (began = ? AND id < ?)){due}"
            given = [question.since, min(question.until, 1e15), edge[0], *edge, *([self._store.now()] if due else [])]
            end = f"ORDER BY began DESC, id DESC LIMIT {max(0, int(limit))}"
            if chosen and len(cells) <= _FEW_CELLS:
                for cell in cells:
                    rows += self._store.rows(f"{sql} {meant} AND cell = ? {end}", (*given, cell))
            else:
                only = f"AND cell IN ({chosen})" if chosen else ""
                rows += self._store.rows(f"{sql} {meant} {only} {end}", (*given, *values))
        rows.sort(key=lambda row: (row[2], row[0]), reverse=True)
        return [(_entry(row, cells[row[1]]), row[9]) for row in rows[:limit]]

    def _edge(self, before: str) -> tuple[float, str]:
        if before:
            for table in ("runs", "opened"):
                for (began,) in self._store.rows(f"SELECT began FROM {table} WHERE id = ?", (before,)):
                    return began, before
        return 1e15, ""

    def _cells(self, chosen: str, values: tuple[str, ...]) -> Any:
        only = f" WHERE id IN ({chosen})" if chosen else ""
        sql = "SELECT id, service, version, zone, deployment, cause FROM cells"
        return ((number, about) for number, *about in self._store.rows(f"{sql}{only}", values))


def open_archive(where: Any, *, progress: Progress | None = None, patience: float = PATIENCE_S) -> Archive:
    """
    Return the archive that is *where*, with all that is there by now; raise `ArchiveError` if it cannot be read.

    Args:

        where: The state directory of a host, a directory into which those of many were copied, `postgresql://...`, or
            a reference to such a URL, `{"env": NAME}` or `{"file": PATH}`.

        progress: Is told how many bytes are read, of how many, while an index is made.

        patience: How long another process may have the index, seconds.
    """
    if isinstance(where, str) and not where.startswith(("postgresql://", "postgres://")):
        if "://" in where:
            raise ArchiveError(
                f"cannot read the archive {where.partition('://')[0]}://...: write a directory, or postgresql://"
            )
        return Archive(open_index(where, patience=patience, progress=progress), where)
    return Archive(load("archive.postgres").connect(where, patience))


def _entry(row: Any, about: Any) -> Entry:
    number, _, began, seconds, window, verdict, node, instance, undone, _ = row
    service, version, zone, deployment, cause = about
    return Entry(
        number, service, began, seconds, window, cause, verdict, version, deployment, zone, node, instance, undone
    )
