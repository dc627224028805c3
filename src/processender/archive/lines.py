"""
The lines of an archive: what an ending process appends.

Below the directory of each service stand its segments, `archive/000001.jsonl` and so on, of a bounded size and number.
Whoever writes appends a whole line in one call; nobody rewrites, locks or waits. A line that a full disk has torn is
closed by the next one.
"""

from __future__ import annotations

import errno
import os
import stat

from ..accounts.entry import crash_line, line_of, mark_line
from ..core.written import as_text
from ..hints import Any
from ..opening import open_beyond

SEGMENT_BYTES = 16 << 20
"""After so many bytes a new segment is begun."""
SEGMENTS = 32
"""How many segments are kept; the oldest goes first."""
DIRECTORY = "archive"
"""Where the segments are, in the directory of a service."""
SUFFIX = ".jsonl"
_FIRST = 1


def take(directory: str, account: dict[str, Any]) -> None:
    """Append the line of *account* to the archive below the state *directory* of its service; raise `OSError`."""
    append(directory, line_of(account))


def take_crash(directory: str, crash: dict[str, Any]) -> None:
    """Append the line of a *crash*, the data of its account; raise `OSError`."""
    append(directory, crash_line(crash))


def mark(directory: str, kind: str, words: str, at: float, service: str = "") -> None:
    """Append a mark, see `mark_line`, for *service* or, if it is empty, for all; raise `OSError`."""
    append(directory, mark_line(kind, words, at, service))


def append(directory: str, line: dict[str, Any]) -> None:
    """Append *line* to the newest segment; raise `OSError` if it cannot be written."""
    place = os.path.join(directory, DIRECTORY)
    try:
        _append(place, f"{as_text(line)}\n".encode())
    except OSError as error:
        raise OSError(error.errno, f"cannot add the run to the archive {place}: {error.strerror}") from error


def segments(names: list[str]) -> list[str]:
    """Return those of *names* that are segments, the oldest first."""
    found = [name for name in names if name.endswith(SUFFIX) and name[: -len(SUFFIX)].isdecimal()]
    return sorted(found, key=lambda name: int(name[: -len(SUFFIX)]))


def _append(place: str, data: bytes) -> None:
    try:
        known = segments(os.listdir(place))
    except FileNotFoundError:
        try:
            os.mkdir(place, 0o700)
        except FileExistsError:
            pass  # another process was faster
        known = []
    path = os.path.join(place, known[-1] if known else _name(_FIRST))
    descriptor = _opened(path)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            # What goes into a pipe is gone with it, though all of it was taken.
            raise OSError(errno.EINVAL, f"{os.path.basename(path)} is no regular file; remove it")
        size = found.st_size
        if size and size + len(data) > SEGMENT_BYTES:
            number = int(os.path.basename(path)[: -len(SUFFIX)]) + 1
            os.close(descriptor)
            descriptor, size = -1, 0
            descriptor = _opened(os.path.join(place, _name(number)))
            _prune(place, known)
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data  # whoever wrote last had no room for all of it
        if os.write(descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _name(number: int) -> str:
    return f"{number:06}{SUFFIX}"


def _opened(path: str) -> int:
    return open_beyond(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK)


def _prune(place: str, known: list[str]) -> None:
    """Remove the oldest segments, for which there is a new one now."""
    for name in known[: max(0, len(known) + 1 - SEGMENTS)]:
        try:
            os.unlink(os.path.join(place, name))
        except FileNotFoundError:
            continue  # another process was faster
