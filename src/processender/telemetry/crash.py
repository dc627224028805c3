"""The accounts of crashes, beside the reports of the service."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence

from ..core.crash import CrashReport

SCHEMA = 1
KEPT = 64
"""How many crash reports of a service are kept."""
MOST_BYTES = 1 << 22
STALE_S = 600.0
"""After so long a draft has no writer any more."""


def write_crash(place: str, report: CrashReport) -> CrashReport:
    """Write *report* below the directory *place* of the service, or write it anew, and return it with its path."""
    directory = os.path.join(place, "crashes")
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        if os.path.islink(directory):
            raise
    report = report.replace(path=os.path.join(directory, f"{report.id}.json"))
    draft = f"{report.path}.new"
    data = json.dumps({"schema": SCHEMA, **report.as_dict()}).encode()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        # Once the account is there nobody makes another.
        os.fsync(descriptor)
    except OSError:
        os.unlink(draft)
        raise
    finally:
        os.close(descriptor)
    os.replace(draft, report.path)
    _sync(directory)
    names = os.listdir(directory)
    old = sorted(name for name in names if name.endswith(".json"))[:-KEPT]
    for path in (os.path.join(directory, name) for name in [*old, *_stale(directory, names, report.at)]):
        with contextlib.suppress(FileNotFoundError):  # another writer was faster
            os.unlink(path)
    return report


def _stale(directory: str, names: Sequence[str], now: float) -> list[str]:
    """Return the drafts that were left by a writer that was killed."""
    found = []
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # its writer has just finished it
            if name.endswith(".json.new") and now - os.lstat(os.path.join(directory, name)).st_mtime > STALE_S:
                found.append(name)
    return found


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def untold_crashes(place: str) -> list[CrashReport]:
    """Return the accounts below *place* of which nobody was told yet, oldest first."""
    directory = os.path.join(place, "crashes")
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".json"))
    except OSError:
        return []
    read = (_read(os.path.join(directory, name)) for name in names)
    return [report for report in read if report is not None and not report.told]


def _read(path: str) -> CrashReport | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            data = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        # What cannot be read is no account of ours.
        return None
    return CrashReport.read(data) if isinstance(data, dict) else None
