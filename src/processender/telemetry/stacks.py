"""Where the threads of a dying process stood: one file a process, which it opens long before it is needed."""

from __future__ import annotations

import os

from ..identity import identify, status_of

KEPT = 16
"""How many files that tell something are kept."""
READ_BYTES = 16384
_BEFORE, _AFTER = "stacks-", ".txt"


def stacks_path(place: str) -> str:
    """Return the path of this process's file below *place*, and remove what dead processes have left empty there."""
    own = identify()
    name = f"{os.getpid()}-{own.started if own is not None else 0}"
    _tidy(place)
    return os.path.join(place, f"{_BEFORE}{name}{_AFTER}")


def take_stacks(place: str, pid: int, started: int = 0) -> str:
    """Return what the dead process *pid*, if known *started* then, has written at last, and remove its file."""
    wanted = f"{_BEFORE}{pid}-{started or ''}"
    found = ""
    for name in _names(place):
        if name.startswith(wanted):
            path = os.path.join(place, name)
            with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - READ_BYTES))
                found += file.read(READ_BYTES).decode("utf-8", "replace")
            os.unlink(path)
    return found


def _tidy(place: str) -> None:
    told = []
    for name in _names(place):
        path = os.path.join(place, name)
        pid, _, started = name.removeprefix(_BEFORE).removesuffix(_AFTER).partition("-")
        status = status_of(int(pid)) if pid.isdigit() else None
        if status is None or str(status[1]) != started:
            found = os.lstat(path)
            if found.st_size:
                told.append((found.st_mtime, path))
            else:
                os.unlink(path)
    for _, path in sorted(told)[:-KEPT]:
        os.unlink(path)


def _names(place: str) -> list[str]:
    return [name for name in sorted(os.listdir(place)) if name.startswith(_BEFORE) and name.endswith(_AFTER)]
