"""
The line of an account in an archive: short, whole in itself, and bounded whatever the account holds.

A run has two: one at its begin, `start`, so that a run of which nothing is heard again is known, and one at its end,
`end`. A crash has one, `crash`, and so has a deployment or an incident that somebody marks, `mark`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..hints import Any
from .plain import JOINED, number, parts, table, tables

SCHEMA = 1
"""The version of the lines; a reader leaves out, and says, what is of a later one."""
LONGEST = 200
"""How many signs of a name are kept."""
MOST_HANDLERS = 512
"""How many handlers of a run are kept."""
CUT = "cut"
"""The cause of a crash of which nothing is known but that a run was on."""
_IN_RUN = frozenset({"run.started", "handler.started", "handler.ended"})


def line_of(account: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line of *account*, of its start while it has not ended."""
    ended = account.get("ended") is not None
    line: dict[str, Any] = {
        "end" if ended else "start": storable(account.get("id")),
        "v": SCHEMA,
        "at": number(account.get("started")),
        "window_s": number(table(account.get("window")).get("length_s")),
    }
    for name in ("service", "version", "deployment", "zone", "node", "instance", "cause"):
        line[name] = storable(account.get(name))
    if ended:
        line["verdict"] = storable(account.get("verdict"))
        line["seconds"] = number(account.get("seconds"))
        deeds = [deed for part, each in parts(account) for deed in _deeds(each, part)]
        line["handlers"] = deeds[:MOST_HANDLERS]
    return line


def crash_line(crash: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line of a *crash*, the data of its account."""
    line: dict[str, Any] = {"crash": storable(crash.get("id")), "v": SCHEMA, "at": number(crash.get("at"))}
    if is_cut(crash):
        line["cut"] = True
    names = ("service", "version", "deployment", "zone", "node", "cause")
    return {**line, **{name: storable(crash.get(name)) for name in names}}


def is_cut(crash: Mapping[str, Any]) -> bool:
    """Tell whether a run was on when it came, whatever its cause: then the begin of the run tells of it already."""
    for each in reversed([*tables(crash.get("events"))]):
        key = storable(each.get("key"))
        if key == "run.ended":
            return False
        if key in _IN_RUN:
            return True
    return crash.get("cause") == CUT


def mark_line(kind: str, words: str, at: float, service: str = "") -> dict[str, Any]:
    """Return the line of a mark of its *kind*, `deployment` or `incident`, with the *words* of who made it."""
    return {"mark": kind, "v": SCHEMA, "at": number(at), "service": storable(service), "text": storable(words)}


def storable(value: Any) -> str:
    """Return *value* as a text that any database takes: no NUL, no half signs, not too long; empty if it is no text."""
    if not isinstance(value, str):
        return ""
    kept: str = value
    if len(kept) > LONGEST:
        kept = kept[: LONGEST - 1] + "\u2026"
    if not kept.isascii():
        kept = kept.encode("utf-8", "replace").decode()
    return kept.replace("\0", "\ufffd") if "\0" in kept else kept


def _deeds(account: Mapping[str, Any], part: str) -> list[list[Any]]:
    """Return for each handler its name, phase, importance, outcome, seconds, retries, reason and time-out."""
    retried: dict[str, int] = {}
    for each in tables(account.get("retries")):
        name = storable(each.get("handler"))
        retried[name] = retried.get(name, 0) + 1
    found = []
    for each in tables(account.get("handlers")):
        started, ended = number(each.get("started_s")), number(each.get("ended_s"))
        took = None if started is None or ended is None else round(max(0.0, ended - started), 6)
        name = storable(each.get("name"))
        deed = [storable(f"{JOINED}{name}" if part else name)]
        deed += [storable(each.get(key)) for key in ("phase", "importance", "outcome")]
        retries = retried.get(name.removeprefix(f"{part}/"), 0)
        found.append([*deed, took, retries, storable(each.get("reason")), number(each.get("timeout_s"))])
    return found
