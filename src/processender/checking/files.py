"""From what is named on the command line to texts; the only part that reads files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from .finding import Unreadable

LARGEST = 8 << 20
"""The size of the largest file that is read, bytes."""
STDIN, SHOWN = "-", "stdin"
"""What stands for standard input, and how its places are told."""
_ENDINGS = (".yaml", ".yml", ".json")
_CONFIGURATIONS = frozenset({"processender.toml", "pyproject.toml"})


def named(paths: Sequence[str]) -> Iterator[str]:
    """Yield the files of *paths*: what is named itself, and of a directory all that may be a manifest or ours."""
    for path in paths:
        if path == STDIN or not os.path.isdir(path):
            yield path
            continue
        for directory, below, names in os.walk(path):
            below[:] = sorted(name for name in below if not name.startswith("."))
            found = (name for name in sorted(names) if name.endswith(_ENDINGS) or name in _CONFIGURATIONS)
            # What is no file, such as a pipe, may never end.
            yield from filter(os.path.isfile, (os.path.join(directory, name) for name in found))


def read_text(path: str) -> str:
    """Return the text of the file *path*; raise `Unreadable`."""
    try:
        data = _read(path)
        path = SHOWN if path == STDIN else path
    except (OSError, ValueError) as error:
        step = "check the path and its permissions"
        raise Unreadable(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}; {step}") from error
    if len(data) > LARGEST:
        raise Unreadable(f"{path}: is larger than {LARGEST >> 20} MiB: split it, or leave it out")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"{path}:{line}: is not UTF-8: {error.reason}; save it as UTF-8") from error


def _read(path: str) -> bytes:
    if path == STDIN:
        return sys.stdin.buffer.read(LARGEST + 1)
    with open(path, "rb") as file:
        return file.read(LARGEST + 1)
