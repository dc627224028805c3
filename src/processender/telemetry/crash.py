"""The account of one crash, written beside the reports of the service."""

from __future__ import annotations

import json
import os

from ..core.record import Record
from ..hints import Any

SCHEMA = 1
KEPT = 64
"""How many crash reports of a service are kept."""


class CrashReport(Record):
    """What is known of one crash."""

    id: str
    """Sorts by time."""
    service: str
    """The name of the service."""
    cause: str
    """In one word: `signal` or `exit`."""
    at: float
    """When, seconds since 1970."""
    pid: int
    """The process that crashed."""
    command: tuple[str, ...]
    """Its program; no arguments, which may hold secrets."""
    exit: int
    """The exit code that is passed on."""
    signal: str = ""
    """The name of the signal of which it died."""
    core: bool = False
    """Whether the kernel has written a core dump."""
    restarts: int = 0
    """How often it was started again before."""
    events: tuple[dict[str, Any], ...] = ()
    """What happened last."""
    obligations: tuple[dict[str, Any], ...] = ()
    """What it owed."""


def write_crash(place: str, report: CrashReport) -> str:
    """Write *report* below the directory *place* of the service, drop the oldest, and return its path."""
    directory = os.path.join(place, "crashes")
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        if os.path.islink(directory):
            raise
    path = os.path.join(directory, f"{report.id}.json")
    draft = f"{path}.new"
    data = json.dumps({"schema": SCHEMA, **report.as_dict()}).encode()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        os.unlink(draft)
        raise
    finally:
        os.close(descriptor)
    os.replace(draft, path)
    for name in sorted(name for name in os.listdir(directory) if name.endswith(".json"))[:-KEPT]:
        os.unlink(os.path.join(directory, name))
    return path
