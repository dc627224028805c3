"""The accounts of crashes, beside the reports of the service."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence

from ..core.crash import CrashReport
from ..core.outcome import Result
from ..demand import load
from ..hints import Any
from ..opening import open_beyond
from ..paths import sync_directory
from .outbox import post
from .whereabouts import whereabouts

SCHEMA = 1
KEPT = 64
"""How many crash reports of a service are kept."""
_UNTOLD = 4 * KEPT
"""How many of which nobody was told yet are kept at most."""
_DRAFT = ".new"
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
    if not (report.version or report.deployment or report.zone or report.node):
        # Whoever writes it anew may be elsewhere.
        report = report.replace(**whereabouts(os.environ))
    report = report.replace(path=os.path.join(directory, f"{report.id}.json"))
    # A name of its own: one that a writer has left behind must not keep the next from writing.
    draft = f"{report.path}.{os.urandom(3).hex()}{_DRAFT}"
    data = json.dumps({"schema": SCHEMA, **report.as_dict()}).encode()
    descriptor = open_beyond(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        # Once the account is there nobody makes another.
        os.fsync(descriptor)
        os.replace(draft, report.path)
    except OSError:
        os.unlink(draft)
        raise
    finally:
        os.close(descriptor)
    sync_directory(directory)
    with contextlib.suppress(OSError):  # the account itself is written
        post(place, {"schema": SCHEMA, **report.as_dict()}, report.path)
    _tidy(directory, report)
    return report


def what_followed(results: Mapping[str, Result], shift: float) -> tuple[dict[str, Any], ...]:
    """Return what became of the handlers that follow a crash, which was noticed *shift* before the clock began."""
    return tuple(_ended(result, shift) for result in results.values())


def _ended(result: Result, shift: float) -> dict[str, Any]:
    started = result.ended if result.started is None else result.started
    times = {"started_s": round(started + shift, 6), "ended_s": round(result.ended + shift, 6)}
    return {"name": result.handler, "outcome": str(result.outcome), "error": result.error or result.reason, **times}


def _tidy(directory: str, written: CrashReport) -> None:
    """Remove what is too old; whatever goes wrong with that, the account is *written*."""
    with contextlib.suppress(OSError):
        names = os.listdir(directory)
        now = os.lstat(written.path).st_mtime
        for name in [*_old(directory, names, f"{written.id}.json"), *_stale(directory, names, now)]:
            with contextlib.suppress(OSError):  # another writer was faster, or it is no file
                os.unlink(os.path.join(directory, name))


def _old(directory: str, names: Sequence[str], own: str) -> list[str]:
    """Return the oldest accounts: never our *own*, whatever the clock says, and one that nobody was told of last."""
    accounts = sorted(name for name in names if name.endswith(".json") and name != own)
    over = len(accounts) + 1 - KEPT
    if over <= 0:
        return []
    read = {name: _read(os.path.join(directory, name)) for name in accounts}
    untold = [name for name in accounts if (report := read[name]) is not None and not report.told]
    told = [name for name in accounts if name not in untold]
    return told[:over] + untold[:-_UNTOLD]


def _stale(directory: str, names: Sequence[str], now: float) -> list[str]:
    """Return the drafts that were left by a writer that was killed."""
    found = []
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # its writer has just finished it
            if name.endswith(_DRAFT) and now - os.lstat(os.path.join(directory, name)).st_mtime > STALE_S:
                found.append(name)
    return found


def crashes_of(place: str, invocation: str) -> list[CrashReport]:
    """Return the accounts below *place* of one run of its unit, oldest first."""
    return [report for report in _all(place) if invocation and report.invocation == invocation]


def untold_crashes(place: str) -> list[CrashReport]:
    """Return the accounts below *place* of which nobody was told yet, oldest first."""
    return [report for report in _all(place) if not report.told]


def _all(place: str) -> list[CrashReport]:
    directory = os.path.join(place, "crashes")
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".json"))
    except OSError:
        return []
    read = (_read(os.path.join(directory, name)) for name in names)
    return [report for report in read if report is not None]


def _read(path: str) -> CrashReport | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            data = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        # What cannot be read is no account of ours.
        return None
    report = CrashReport.read(data) if isinstance(data, dict) else None
    # Another id would have it written elsewhere.
    return report.replace(path=path) if report is not None and f"{report.id}.json" == os.path.basename(path) else None


def note_crash(directory: str, crash: CrashReport) -> Iterator[OSError]:
    """Note *crash* in the books below *directory*, and give what they raise: none is in the way of the other."""
    told: dict[str, tuple[Any, ...]] = {
        "archive.lines": (crash.as_dict(),),
        "telemetry.totals": (crash.id, crash.service, crash.cause),
    }
    for name, about in told.items():
        try:
            load(name).take_crash(directory, *about)
        except OSError as error:
            yield error
