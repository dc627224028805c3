"""Where the threads of a dying process stood: one file a process, which it opens long before it is needed."""

from __future__ import annotations

import os

from ..identity import status_of

KEPT = 16
"""How many files that tell something are kept."""
READ_BYTES = 16384
_BEFORE, _AFTER = "stacks-", ".txt"


def stacks_path(place: str) -> str:
    """Return the path of this process's file below *place*, and remove what dead processes have left empty there."""
    own = status_of(os.getpid())
    name = f"{os.getpid()}-{own[1] if own is not None else 0}"
    _tidy(place)
    return os.path.join(place, f"{_BEFORE}{name}{_AFTER}")


def take_stacks(place: str, pid: int, started: int = 0, *, keep: bool = False) -> str:
    """Return what the dead process *pid*, if known *started* then, wrote at last; remove its file, or *keep* it."""
    wanted = f"{_BEFORE}{pid}-{started or ''}"
    found = ""
    for name in _names(place):
        if name.startswith(wanted):
            path = os.path.join(place, name)
            found += _read(path)
            if not keep:
                _remove(path)
    return found


def _read(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, READ_BYTES, max(0, size - READ_BYTES)).decode("utf-8", "replace")
    except OSError:
        # It is no file; whoever put it there has not died of it.
        return ""
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        # Another process was faster, or it is no file; nothing depends on it.
        return


def _tidy(place: str) -> None:
    told = []
    for name in _names(place):
        path = os.path.join(place, name)
        pid, _, started = name.removeprefix(_BEFORE).removesuffix(_AFTER).partition("-")
        status = status_of(int(pid)) if pid.isascii() and pid.isdigit() else None
        if status is None or str(status[1]) != started:
            size, when = _facts(path)
            if size:
                told.append((when, path))
            else:
                _remove(path)
    for _, path in sorted(told)[:-KEPT]:
        _remove(path)


def _facts(path: str) -> tuple[int, float]:
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0.0
    return found.st_size, found.st_mtime


def _names(place: str) -> list[str]:
    try:
        names = sorted(os.listdir(place))
    except OSError:
        return []
    return [name for name in names if name.startswith(_BEFORE) and name.endswith(_AFTER)]
