"""
The index of a directory, in SQLite: one file beside what it was made of, or in memory where it cannot be written.

It holds nothing that cannot be read again. So one that is damaged, foreign or of a later version is put aside and made
anew; what must not be lost are the lines. One process has it at a time, by SQLite's own lock.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ..errors import ArchiveError
from ..hints import Any
from ..opening import open_beyond
from .days import DAY_S, MOST_DAYS
from .ingest import Ingest, Progress
from .sql import BLOCKED, SCHEMA, making
from .sums import BLOCK_DAYS, block_key

NAME = "archive.sqlite"
"""The name of its file, in the directory of all services."""
PATIENCE_S = 5.0
"""How long another process may have it."""
MOST_RUNS = 2_000_000
"""How many runs are kept one by one; older ones are only counted."""
MOST_RUNS_IN_MEMORY = 100_000
_MARK = 0x50456E64
_MEMORY = ":memory:"
# A log written ahead costs a flush for many transactions; with one connection alone there is no memory to share.
_PRAGMAS = {
    "locking_mode": "EXCLUSIVE",
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "cache_size": -24_000,
    "wal_autocheckpoint": 8_000,
    "temp_store": "MEMORY",
}
_BROKEN = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR", "SQLITE_MISMATCH", "SQLITE_CONSTRAINT")
_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")


class Index:
    """One connection to the tables, which has them alone."""

    def __init__(self, path: str, patience: float) -> None:
        """Open the file at *path*, or one in memory, with its tables; raise `sqlite3.Error`, or `Unusable`."""
        self.path = path
        self.troubles: tuple[str, ...] = ()
        """What could not be read."""
        self._database = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        try:
            for name, value in _PRAGMAS.items():
                self._database.execute(f"PRAGMA {name} = {value}")
            self._database.execute("BEGIN EXCLUSIVE")
            self._prepare()
            self._database.execute("COMMIT")
        except BaseException:
            self._database.close()
            raise

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterable[Sequence[Any]]:
        """Return the rows that the statement finds."""
        return self._database.execute(sql, values)

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Carry out the statement with each of the *rows*."""
        self._database.executemany(sql, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Do what is done inside as a whole, or not at all."""
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.rollback()
            raise
        self._database.execute("COMMIT")

    def now(self) -> float:
        """Return the date, seconds since 1970, by the clock of the database."""
        ((now,),) = self.rows("SELECT (julianday('now') - 2440587.5) * 86400.0")
        return float(now)

    def prune(self) -> None:
        """Remove the oldest of too many runs, and the days that are too old."""
        most = MOST_RUNS_IN_MEMORY if self.path == _MEMORY else MOST_RUNS
        ((counted,),) = self.rows("SELECT coalesce(sum(n), 0) FROM days")
        if counted <= most:
            return
        edge = list(self.rows("SELECT began FROM runs ORDER BY began DESC LIMIT 1 OFFSET ?", (most,)))
        oldest = int(self.now() // DAY_S) - MOST_DAYS
        with self.writing():
            for (began,) in edge:
                self.many("DELETE FROM runs WHERE began <= ?", [(began,)])
                self.many("DELETE FROM opened WHERE began <= ?", [(began,)])
            for table in ("days", "times", "deeds", "spans", "whys"):
                self.many(f"DELETE FROM {table} WHERE day >= 0 AND day < ?", [(oldest,)])
            for table in BLOCKED:
                self.many(f"DELETE FROM {table} WHERE day < 0 AND day > ?", [(block_key(oldest // BLOCK_DAYS),)])

    def close(self) -> None:
        """Give it up."""
        self._database.close()

    def _prepare(self) -> None:
        ((mark,),), ((version,),) = self.rows("PRAGMA application_id"), self.rows("PRAGMA user_version")
        ((tables,),) = self.rows("SELECT count(*) FROM sqlite_master")
        if tables and (mark, version) != (_MARK, SCHEMA):
            raise Unusable("it is of a later version" if mark == _MARK else "it is no index of ours")
        if not tables:
            for statement in making(end=" WITHOUT ROWID"):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA application_id = {_MARK}")
            self._database.execute(f"PRAGMA user_version = {SCHEMA}")


class Unusable(Exception):
    """What is there is no index of this version."""


def open_index(root: str, *, patience: float = PATIENCE_S, progress: Progress | None = None) -> Index:
    """
    Return the index of the directory *root*, with all that is there by now.

    Raise `ArchiveError` where the directory cannot be read, or where another process has the index for longer than
    *patience* seconds. *progress* is told how far reading has come, in bytes.
    """
    path, anew = os.path.join(root, NAME), ""
    try:
        for _ in range(2):
            try:
                return _filled(root, path, patience, progress, anew)
            except (sqlite3.Error, Unusable) as error:
                if anew or not _is_broken(error):
                    raise
                anew = _put_aside(path, error)
    except sqlite3.Error as error:
        if _is_kind(error, _LOCKED):
            text = f"cannot read the archive below {root}: another process has had its index for {patience:.0f} s"
            raise ArchiveError(f"{text}; try again when it is done") from error
        anew = f"{anew}; " if anew else ""
        anew += f"the index {path} cannot be written ({error}): it is made in memory, anew each time; make room there"
    except OSError as error:
        if error.filename != path:
            raise ArchiveError(f"cannot read the archive below {root}: {error.strerror}; name another place") from error
        anew = f"the index {path} cannot be written ({error.strerror}): it is made in memory, anew each time"
    return _filled(root, _MEMORY, patience, progress, anew)


def _filled(root: str, path: str, patience: float, progress: Progress | None, trouble: str) -> Index:
    if path != _MEMORY:
        os.listdir(root)  # for the error of one that is not there
        _make(root, path)
    index = Index(path, patience)
    try:
        ingest = Ingest(root, index, progress)
        ingest.run()
        index.troubles = (*([trouble] if trouble else []), *ingest.troubles)
    except BaseException:
        index.close()
        raise
    return index


def _make(root: str, path: str) -> None:
    """Make the file, private to the owner of the directory; raise `OSError` for what is no file."""
    os.close(open_beyond(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK))
    owner = os.stat(root)
    if os.geteuid() == 0 and os.lstat(path).st_uid != owner.st_uid:
        os.chown(path, owner.st_uid, owner.st_gid)


def _put_aside(path: str, why: Exception) -> str:
    aside = f"{path}.broken"
    os.replace(path, aside)
    for beside in (f"{path}-wal", f"{path}-journal"):
        try:
            os.unlink(beside)  # it would be played back into the new one
        except FileNotFoundError:
            continue
    return f"the index {path} could not be used ({why}): it was put aside as {aside}, and made anew"


def _is_broken(error: Exception) -> bool:
    return isinstance(error, Unusable) or _is_kind(error, _BROKEN)


def _is_kind(error: Exception, kinds: tuple[str, ...]) -> bool:
    return str(getattr(error, "sqlite_errorname", "")).startswith(kinds)
