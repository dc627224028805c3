"""The accounts of crashes, beside the reports of the service."""

from __future__ import annotations

import json
import os

from ..core.crash import CrashReport

SCHEMA = 1
KEPT = 64
"""How many crash reports of a service are kept."""
MOST_BYTES = 1 << 22


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
    except OSError:
        os.unlink(draft)
        raise
    finally:
        os.close(descriptor)
    os.replace(draft, report.path)
    for name in sorted(name for name in os.listdir(directory) if name.endswith(".json"))[:-KEPT]:
        os.unlink(os.path.join(directory, name))
    return report


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
