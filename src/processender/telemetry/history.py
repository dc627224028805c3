"""
How long each handler took in earlier runs: one small file for each service, from which the next plan learns.

The file is a convenience, never a condition: one that is broken, foreign or from a later version is put aside under
another name and the runs begin to be counted anew. It is replaced as a whole, by one process at a time; who finds
another at it leaves its own numbers out, which costs one sample. Nothing is flushed for it: after a power cut an older
file, or an empty one, is as good.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Mapping, Sequence

from ..core.estimates import Sample
from ..core.spans import LONGEST_S
from ..hints import Any

SCHEMA = 1
RING = 64
"""How many samples of each handler are kept."""
MOST_HANDLERS = 512
"""How many handlers are kept; those that have not run for the longest time go first."""
_LONGEST = 8 * 1024 * 1024
_NAME = "history.json"
History = dict[str, list[Sample]]


def path_in(directory: str) -> str:
    """Return where the history of the service lies whose state *directory* is given."""
    return os.path.join(directory, _NAME)


def read(path: str, *, put_aside: bool = True) -> tuple[History, str]:
    """Return what is known, and what was wrong with the file, which is then *put_aside*; nothing is raised."""
    try:
        return _parse(_load(path)), ""
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:
        step = _put_aside(path) if put_aside else "the next run puts it aside"
        return {}, f"the history {path} cannot be used: {error}; {step}"


def remember(path: str, samples: Mapping[str, Sample]) -> str:
    """Add *samples* to the file at *path* and return what was wrong with it; raise `OSError` if it cannot be."""
    if not samples:
        return ""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return ""
    try:
        history, trouble = read(path)
        for name, sample in samples.items():
            # Last in the order of the file: who has just run is forgotten last.
            history[name] = [*history.pop(name, []), sample][-RING:]
        for name in list(history)[:-MOST_HANDLERS]:
            del history[name]
        _write(path, history)
    finally:
        os.close(lock)
    return trouble


def _load(path: str) -> Any:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        data = file.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} bytes")
    if not data:
        raise ValueError("it is empty")
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _parse(account: Any) -> History:
    if not isinstance(account, dict) or not isinstance(account.get("handlers"), dict):
        raise ValueError("it is no history")  # noqa: TRY004 - all that is wrong with a file is one kind of error
    if account.get("schema") != SCHEMA:
        raise ValueError(f"it has the schema {account.get('schema')!r}, and this version knows {SCHEMA}")
    handlers = list(account["handlers"].items())[-MOST_HANDLERS:]
    return {name: [_sample(row) for row in rows[-RING:]] for name, rows in handlers if isinstance(rows, list)}


def _sample(row: Any) -> Sample:
    if not isinstance(row, list) or len(row) != 4:
        raise ValueError(f"a sample is {row!r}")
    seconds, censored, size, version = row
    if not _is_number(seconds, LONGEST_S) or not isinstance(censored, bool) or not isinstance(version, str):
        raise ValueError(f"a sample is {row!r}")
    if size is not None and not _is_number(size, math.inf):
        raise ValueError(f"a sample is {row!r}")
    return Sample(float(seconds), censored, size, version)


def _is_number(value: Any, most: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= most


def _put_aside(path: str) -> str:
    aside = f"{path}.broken"
    try:
        os.replace(path, aside)
    except OSError as error:
        return f"it cannot be put aside either: {error.strerror}"
    return f"it was put aside as {aside}, and counting begins anew"


def _write(path: str, history: Mapping[str, Sequence[Sample]]) -> None:
    rows = {
        name: [[round(each.seconds, 6), each.censored, each.size, each.version] for each in samples]
        for name, samples in history.items()
    }
    draft = f"{path}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump({"schema": SCHEMA, "handlers": rows}, file, separators=(",", ":"))
    os.replace(draft, path)
