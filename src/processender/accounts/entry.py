"""
The line of an account in an archive: short, whole in itself, and bounded whatever the account holds.

A run has two: one at its begin, `start`, so that a run of which nothing is heard again is known, and one at its end,
`end`. A crash has one, `crash`, and so has a deployment or an incident that somebody marks, `mark`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..hints import Any

SCHEMA = 1
"""The version of the lines; a reader leaves out, and says, what is of a later one."""
LONGEST = 200
"""How many signs of a name are kept."""
MOST_HANDLERS = 512
"""How many handlers of a run are kept."""
KILLED = "killed"
"""What a run ended in of which nothing was heard again."""
CUT = "cut"
"""The cause of a crash of which nothing is known but that a run was on."""
JOINED = "command/"
"""What stands before the name of a handler of an application that has joined its agent."""
_IN_RUN = frozenset({"run.started", "handler.started", "handler.ended"})


def line_of(account: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line of *account*, of its start while it has not ended."""
    ended = account.get("ended") is not None
    window = account.get("window")
    line: dict[str, Any] = {
        "end" if ended else "start": text(account.get("id")),
        "v": SCHEMA,
        "at": number(account.get("started")),
        "window_s": number(window.get("length_s")) if isinstance(window, dict) else None,
    }
    for name in ("service", "version", "deployment", "zone", "node", "instance", "cause"):
        line[name] = text(account.get(name))
    if ended:
        line["verdict"] = text(account.get("verdict"))
        line["seconds"] = number(account.get("seconds"))
        joined = account.get("command")
        handlers = _deeds(account, "")
        if isinstance(joined, dict):
            handlers += _deeds(joined, JOINED)
        line["handlers"] = handlers[:MOST_HANDLERS]
    return line


def crash_line(crash: Mapping[str, Any], where: Mapping[str, str]) -> dict[str, Any]:
    """Return the line of a *crash*, the data of its account, that happened *where*: version, deployment, zone, node."""
    line = {"crash": text(crash.get("id")), "v": SCHEMA, "at": number(crash.get("at"))}
    if is_cut(crash):
        line["cut"] = True
    about = {name: text(where.get(name)) for name in ("version", "deployment", "zone", "node")}
    return {**line, "service": text(crash.get("service")), "cause": text(crash.get("cause")), **about}


def is_cut(crash: Mapping[str, Any]) -> bool:
    """Tell whether a run was on when it came, whatever its cause: then the begin of the run tells of it already."""
    for each in reversed(_dicts(crash.get("events"))):
        key = text(each.get("key"))
        if key == "run.ended":
            return False
        if key in _IN_RUN:
            return True
    return crash.get("cause") == CUT


def mark_line(kind: str, words: str, at: float, service: str = "") -> dict[str, Any]:
    """Return the line of a mark of its *kind*, `deployment` or `incident`, with the *words* of who made it."""
    return {"mark": kind, "v": SCHEMA, "at": number(at), "service": text(service), "text": text(words)}


def text(value: Any) -> str:
    """Return *value* as a name that any database takes: no NUL, no half signs, not too long; empty if it is no text."""
    if not isinstance(value, str):
        return ""
    kept: str = value
    if len(kept) > LONGEST:
        kept = kept[: LONGEST - 1] + "\u2026"
    if not kept.isascii():
        kept = kept.encode("utf-8", "replace").decode()
    return kept.replace("\0", "\ufffd") if "\0" in kept else kept


def number(value: Any) -> float | None:
    """Return *value* if it is a number that can be counted with, else None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and -1e15 < value < 1e15:
        return value
    return None


def _deeds(account: Mapping[str, Any], before: str) -> list[list[Any]]:
    """Return for each handler its name, phase, importance, outcome, seconds, retries, reason and time-out."""
    retried: dict[Any, int] = {}
    for each in _dicts(account.get("retries")):
        name = text(each.get("handler"))
        retried[name] = retried.get(name, 0) + 1
    found = []
    for each in _dicts(account.get("handlers")):
        started, ended = number(each.get("started_s")), number(each.get("ended_s"))
        took = None if started is None or ended is None else round(max(0.0, ended - started), 6)
        name = text(each.get("name"))
        deed = [text(before + name), text(each.get("phase")), text(each.get("importance")), text(each.get("outcome"))]
        found.append([*deed, took, retried.get(name, 0), text(each.get("reason")), number(each.get("timeout_s"))])
    return found


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list | tuple) else []
