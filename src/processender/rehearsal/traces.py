"""What a run leaves, read: reports, files, processes, and what its journals owe."""

from __future__ import annotations

import contextlib
import glob
import json
import os
from collections.abc import Iterable, Iterator

from ..errors import ProcessEnderError
from ..hints import Any
from ..looking import journals_of, look


def read_accounts(paths: set[str]) -> tuple[dict[str, Any], ...]:
    """Return the reports that stand in the files *paths*, without what is none."""
    found = []
    for path in sorted(paths):
        with contextlib.suppress(ValueError, OSError), open(path, encoding="utf-8") as file:
            account = json.load(file)
            if isinstance(account, dict) and {"id", "started", "handlers"} <= account.keys():
                found.append(account)
    return tuple(found)


def read_text(path: str) -> str:
    """Return what stands in a file; nothing if it is not there."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def named(pid: int) -> str:
    """Return the beginning of the command line of a process, in brackets; nothing if it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return f" ({words[:80]})" if words else ""


def pulse(pids: Iterable[int]) -> str:
    """Return how much processes have computed so far, as text; empty if one of them would like to go on computing."""
    total = 0
    for pid in pids:
        with (
            contextlib.suppress(OSError, ValueError),
            open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file,
        ):
            fields = file.read().rpartition(")")[2].split()
            if fields[0] in "RD":
                return ""
            total += int(fields[11]) + int(fields[12])
    return str(total)


def left_of(pids: Iterable[int], there: dict[int, str], files: Iterable[str], state: str) -> Iterator[str]:
    """
    Tell what is left, each in words.

    Args:

        pids: The processes.

        there: Their names, of those that were there before.

        files: The patterns of files of which none may be left.

        state: The directory of the reports and journals.
    """
    for pid in sorted(pids):
        yield f"the process {pid}{there.get(pid) or named(pid)}"
    for pattern in files:
        for path in sorted(glob.glob(pattern)):
            yield f"the file {path}"
    for name in sorted(os.listdir(state)):
        try:
            journals = journals_of(os.path.join(state, name))
            standings = [each for path in journals for each in look(path).standings]
        except ProcessEnderError as error:
            yield f"a journal that cannot be read ({error})"
            continue
        for each in standings:
            yield f"{each.obligation.kind} {each.obligation.what!r}, {each.state} in a journal,"
