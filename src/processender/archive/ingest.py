"""What lies below a directory goes into a database: the lines that are new, and what only reports and crashes tell."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from zlib import crc32

from ..accounts.entry import crash_line, line_of
from ..accounts.reading import Line, NewerLine
from ..hints import Any, Protocol
from . import sql
from .lines import DIRECTORY, segments
from .sql import Database
from .writer import Placed, Writer

DEPTH = 3
"""How many directories deep the directory of a service may lie."""
MOST_PLACES = 20_000
"""How many directories of services are looked into."""
_CHUNK = 4 << 20
"""How much is read at once; no line is longer."""
_HEAD = 256
_PRUNED_EVERY = 200_000
_MOST_FILE = 4 << 20
_REPORTS, _CRASHES = "reports", "crashes"
Progress = Callable[[int, int], object]
"""Is told how many bytes are read, of how many."""


class Writable(Database, Protocol):
    """A database that can be written to."""

    def writing(self) -> Any:
        """Return a context manager: what is done inside is done as a whole, and nobody else writes."""

    def prune(self) -> None:
        """Remove what is too old, or too much."""


class Source:
    """One segment, and how far it has been read."""

    def __init__(self, path: str, place: str) -> None:
        """Take its *path* and the *place* of its service, both relative."""
        self.path = path
        self.place = place
        self.head = self.size = self.done = self.damaged = self.newer = 0

    def recall(self, row: Any) -> None:
        """Go on where it was left, as written down in *row*; None begins anew."""
        if row is not None:
            _, self.head, self.size, self.done, self.damaged, self.newer = row

    def take(self, data: bytes) -> list[Placed]:
        """Return the lines of *data*, and count those that are none."""
        lines = []
        for raw in data.split(b"\n"):
            if not raw or raw.isspace():
                continue
            try:
                lines.append((Line(_object(raw)), self.place))
            except NewerLine:
                self.newer += 1
            except (ValueError, RecursionError):
                self.damaged += 1
        return lines

    @property
    def row(self) -> tuple[Any, ...]:
        """As it is written down."""
        return (self.path, self.head, self.size, self.done, self.damaged, self.newer)


class Ingest:
    """Reads what lies below one directory."""

    def __init__(self, root: str, database: Writable, progress: Progress | None = None) -> None:
        """Take the directory, the database, and who is told how far it has come."""
        self._root = root
        self._database = database
        self._progress = progress or (lambda _done, _all: None)
        self.troubles: list[str] = []
        """What could not be read."""
        self.lines = 0
        """How many lines were new."""
        self._done = self._all = self._unpruned = 0
        self._file_trouble = ""

    def run(self) -> None:
        """Read what is new; raise `OSError` when the directory cannot be read."""
        places = [place for place in find_places(self._root) if self._is_text(place)]
        with self._database.writing():
            writer = Writer(self._database)
            known = {row[0]: row for row in list(self._database.rows("SELECT * FROM sources"))}
        grown = []
        seen = set()
        for source, size in self._segments(places):
            seen.add(source.path)
            source.recall(known.get(source.path))
            if size != source.size:
                grown.append((source, size))
        self._all = sum(max(0, size - source.done) for source, size in grown)
        for source, size in grown:
            self._read(writer, source, size)
        with self._database.writing():
            self._database.many("DELETE FROM sources WHERE path = ?", [(path,) for path in known.keys() - seen])
            self._read_files(writer, places)
        if self.lines:
            self._prune()
        self._tell()

    def _segments(self, places: list[str]) -> Iterator[tuple[Source, int]]:
        for place in places:
            directory = os.path.join(self._root, place, DIRECTORY)
            for name in segments(self._names(directory)):
                path = os.path.join(directory, name)
                try:
                    size = os.lstat(path).st_size
                except OSError:
                    continue  # it has just been removed
                yield Source(os.path.join(place, DIRECTORY, name), place), size

    def _names(self, directory: str) -> list[str]:
        try:
            return [name for name in os.listdir(directory) if self._is_text(os.path.join(directory, name))]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self.troubles.append(f"{directory} cannot be read: {error.strerror}; run as its owner")
            return []

    def _is_text(self, path: str) -> bool:
        """Tell whether *path* is text, as all that goes into a database must be; say so where it is not."""
        try:
            path.encode()
        except UnicodeEncodeError:
            self._file_trouble = f"the name {path!a} is no UTF-8: what is there was left out; rename it"
            return False
        return True

    def _read(self, writer: Writer, source: Source, size: int) -> None:
        """Read what is new in one segment, in portions that are written as a whole."""
        path = os.path.join(self._root, source.path)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            self.troubles.append(f"{path} cannot be read: {error.strerror}; run as its owner")
            return
        try:
            self._check_head(descriptor, source, size)
            while True:
                data = os.pread(descriptor, _CHUNK, source.done)
                end = data.rfind(b"\n") + 1
                if not end and len(data) < _CHUNK:
                    break  # nothing, or the begin of a line that is being written
                source.damaged += 0 if end else 1
                lines = source.take(data[:end])
                source.done += end or len(data)
                self._write(writer, source, lines, descriptor)
                self._done += end or len(data)
                self._progress(min(self._done, self._all), self._all)
            source.size = size
            self._write(writer, source, [], descriptor)
        except OSError as error:
            self.troubles.append(f"{path} cannot be read to its end: {error.strerror}")
        finally:
            os.close(descriptor)

    def _check_head(self, descriptor: int, source: Source, size: int) -> None:
        """Begin anew with a segment that is not the one that was read."""
        begin = os.pread(descriptor, min(_HEAD, source.done), 0) if source.done else b""
        if size < source.done or crc32(begin) != source.head:
            source.done = source.damaged = source.newer = 0
        source.size = source.done

    def _write(self, writer: Writer, source: Source, lines: list[Placed], descriptor: int) -> None:
        self.lines += len(lines)
        self._unpruned += len(lines)
        source.head = crc32(os.pread(descriptor, min(_HEAD, source.done), 0))
        with self._database.writing():
            writer.note(lines)
            self._database.many(sql.SET_SOURCE, [source.row])
        if self._unpruned > _PRUNED_EVERY:
            self._prune()

    def _prune(self) -> None:
        self._unpruned = 0
        self._database.prune()

    def _read_files(self, writer: Writer, places: list[str]) -> None:
        """Read the reports and accounts of crashes whose lines nobody has written, or that are lost."""
        for place in places:
            lines: list[Placed] = []
            for kind in (_REPORTS, _CRASHES):
                directory = os.path.join(self._root, place, kind)
                names = [name[:-5] for name in self._names(directory) if name.endswith(".json") and name != "last.json"]
                known = writer.known(names)
                for name in sorted(name for name in names if name not in known):
                    line = self._file(os.path.join(directory, f"{name}.json"), kind)
                    if line is not None:
                        lines.append((line, place))
            if lines:
                self.lines += len(lines)
                writer.note(lines)

    def _file(self, path: str, kind: str) -> Line | None:
        try:
            data = read_object(path)
            if data.get("schema") != 1 and isinstance(data.get("schema"), int):
                self._file_trouble = f"{path} is of a later version: it was left out; update processender"
                return None
            return Line(line_of(data) if kind == _REPORTS else crash_line(data))
        except FileNotFoundError:
            return None  # there are newer ones, and it had to go
        except (OSError, ValueError, RecursionError):
            self._file_trouble = f"{path} is damaged, or cannot be read: it was left out"
            return None

    def _tell(self) -> None:
        """Say what was left out."""
        ((damaged, newer),) = list(self._database.rows("SELECT sum(damaged), sum(newer) FROM sources"))
        if damaged:
            self.troubles.append(f"lines below {self._root} that are damaged, and were left out: {damaged}")
        if newer:
            text = f"lines below {self._root} that are of a later version, and were left out: {newer}"
            self.troubles.append(f"{text}; update processender")
        if self._file_trouble:
            self.troubles.append(self._file_trouble)


def find_places(root: str) -> Iterator[str]:
    """Return the directories of services below *root*, relative to it; raise `OSError` where there is no *root*."""
    waiting = [("", 0)]
    found = 0
    while waiting and found < MOST_PLACES:
        place, depth = waiting.pop()
        try:
            with os.scandir(os.path.join(root, place)) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:
            if not place:
                raise
            continue
        if {DIRECTORY, _REPORTS, _CRASHES} & set(names):
            found += 1
            yield place
        elif depth < DEPTH:
            waiting += [(os.path.join(place, name), depth + 1) for name in reversed(names)]


def read_object(path: str) -> dict[str, Any]:
    """Return the object of JSON in the file at *path*; raise `OSError`, or `ValueError` for anything else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        # Not open(): for a directory it would leave the descriptor behind.
        return _object(os.read(descriptor, _MOST_FILE))
    finally:
        os.close(descriptor)


def _object(raw: bytes) -> dict[str, Any]:
    data = json.loads(raw)
    if not isinstance(data, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - all that is wrong with a line is a ValueError
    return data
