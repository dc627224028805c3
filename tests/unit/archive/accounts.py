"""Accounts as a run leaves them, and archives made of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from processender.archive import lines
from processender.archive.answers import Entry, Overview, Question
from processender.archive.find import Archive, open_archive

DAY = 86400.0
NOON = (time.time() // DAY - 3) * DAY + DAY / 2
"""Noon, three days ago."""


def handler(name: str = "flush", outcome: str = "done", seconds: float = 1.0, **about: Any) -> dict[str, Any]:
    """Return a handler of an account."""
    usual = {"phase": "flush", "importance": "must", "reason": "", "timeout_s": 5.0, "started_s": 0.5}
    return {"name": name, "outcome": outcome, "ended_s": 0.5 + seconds, **usual, **about}


def account(number: str = "1", at: float = NOON, **about: Any) -> dict[str, Any]:
    """Return the account of a run that has ended; `ended=None` makes it one that has only begun."""
    usual = {
        "schema": 1, "id": number, "service": "shop", "version": "1.0.0", "zone": "a", "node": "n1", "deployment": "",
        "instance": "pod-1", "cause": "SIGTERM", "window": {"length_s": 30.0}, "verdict": "clean", "started": at,
        "ended": at + 2.0, "seconds": 2.0, "handlers": [handler()], "retries": [], "command": None,
    }  # fmt: skip
    return usual | about


def kept(root: Path, *accounts: dict[str, Any], service: str = "shop") -> Path:
    """Append the lines of *accounts* below *root*, and return the segment."""
    place = root / service
    place.mkdir(parents=True, exist_ok=True)
    for each in accounts:
        lines.take(str(place), each)
    return segment(root, service)


def segment(root: Path, service: str = "shop") -> Path:
    """Return the first segment of *service*."""
    return root / service / "archive" / "000001.jsonl"


def raw(root: Path, *texts: str | bytes, service: str = "shop") -> None:
    """Append *texts* as they are."""
    path = segment(root, service)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for each in texts:
            file.write(each if isinstance(each, bytes) else each.encode())


def line(number: str, **about: Any) -> str:
    """Return a line as it stands in a segment."""
    usual = {"end": number, "v": 1, "at": NOON, "window_s": 30.0, "service": "shop", "cause": "SIGTERM"}
    return json.dumps({**usual, "verdict": "clean", "seconds": 2.0, "handlers": [], **about}) + "\n"


def opened(root: Path) -> Archive:
    """Return the archive below *root*."""
    return open_archive(str(root), patience=0.1)


def asked(root: Path, question: Question | None = None) -> Overview:
    """Return the overview of what is below *root*, and give up its index."""
    with opened(root) as archive:
        return archive.overview(question)


def entries(root: Path) -> tuple[Entry, ...]:
    """Return the newest runs below *root*, and give up its index."""
    with opened(root) as archive:
        return archive.recent(Question())
