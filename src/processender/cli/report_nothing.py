"""What to say where there is no such run, and what is shown of one whose report is not kept any more."""

from __future__ import annotations

from ..archive.answers import Entry, Question
from ..archive.find import Archive
from ..core.graph import nearest
from ..hints import Any
from .wheres import public

_KINDS = {"service": "services", "version": "versions", "zone": "zones", "cause": "causes"}
"""What is asked for, and where an overview has what is known of it."""
_SHOWN = 10
_YET = "; nothing is there yet: a run is noted as it begins. PROCESSENDER_STATE, or --from, names another place"


def nothing(archive: Archive, question: Question, where: str, since: str) -> str:
    """
    Return that there is no such run, and what to do.

    Args:

        archive: Where none was found.

        question: What was asked.

        where: Where the archive is.

        since: From when on somebody wants to know; empty where nobody has said.
    """
    asked = [f"{name} {getattr(question, name)!r}" for name in _KINDS if getattr(question, name)]
    whose = f" of {', '.join(asked)}" if asked else ""
    return f"there is no shutdown{whose} in {public(where)}{_hint(archive, question, since)}"


def unborn(where: str) -> str:
    """Return that nothing has ever been kept in the state directory *where*, and what to do."""
    return f"there is no shutdown in {where}{_YET}"


def missing(number: str, where: str) -> str:
    """Return that there is no run with the id *number*, and what to do."""
    return f"there is no run {number!r} in {public(where)}; `processender report --csv` lists them"


def in_short(entry: Entry) -> dict[str, Any]:
    """Return as much of the account of a run as its line in the archive tells."""
    ended = None if entry.seconds is None else entry.began + entry.seconds
    names = ("id", "service", "version", "cause", "verdict", "deployment", "zone", "node", "instance", "seconds")
    about = {name: getattr(entry, name) for name in names}
    return {**about, "started": entry.began, "ended": ended, "window": {"length_s": entry.window_s}}


def _hint(archive: Archive, question: Question, since: str) -> str:
    all_ = archive.overview(Question())
    if not (all_.counts.runs or all_.counts.cancelled):
        return _YET
    for name, groups in _KINDS.items():
        value = getattr(question, name)
        known = [each.name for each in getattr(all_, groups) if each.name]
        if value and not known:
            return f"; no {name} is known there"
        if value and value not in known:
            return nearest(value, known) if len(known) <= _SHOWN else nearest(value, known).partition("; known")[0]
    return (
        "; there are earlier ones: --since 1y finds them" if not since else "; there are others: see --since, --until"
    )
