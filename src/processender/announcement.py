"""
What a file, or an answer, says of the coming end: a few words by a person or a program, read without trust.

It is an object in JSON, or a line `key = value` for each of: `action` (`advise`, `drain` or `stop`), `within` (seconds,
or a time with a unit like `30s`) or `deadline` (an instant, as in `2026-05-01T12:00:00Z`), and `reason`. A line that
begins with `#` says nothing. What else stands there is a mistake, and then nothing of it counts.
"""

from __future__ import annotations

from .core.notice import Action, DeadlineKind
from .core.sighting import Sighting
from .core.spans import LONGEST_S, seconds_of
from .glance import Unclear, instant
from .hints import Any

LARGEST = 4096
"""The longest text that is read, bytes."""
LONGEST_REASON = 200
"""How much of a reason is kept."""
ACTIONS = ("advise", "drain", "stop")
_KEYS = ("action", "within", "deadline", "reason")
_SHOWN = 40


def announced(text: str, key: str, cause: str, action: Action | None, within: float | None) -> Sighting | None:
    """
    Return what *text* announces, None for nothing; raise `Unclear`, in few words, for what nobody understands.

    Args:

        text: What was written; it may be empty.

        key: What the source calls it.

        cause: Why, if no reason stands there.

        action: What it asks for if no action stands there; None stands for nothing.

        within: The seconds that are left if no time stands there; None where nobody knows.
    """
    told = _object(text) if text.lstrip().startswith("{") else _lines(text)
    unknown = [each for each in told if each not in _KEYS]
    if unknown:
        raise Unclear(f"it says {str(unknown[0])[:_SHOWN]!r}; it may say {', '.join(_KEYS)}")
    asked = told.get("action", action)
    if asked is None:
        return None
    if asked not in ACTIONS:
        raise Unclear(f"its action is {str(asked)[:_SHOWN]!r}; write {', '.join(ACTIONS)}")
    if "within" in told and "deadline" in told:
        raise Unclear("it says both `within` and `deadline`; write one of them")
    why = _reason(told.get("reason")) or cause
    if "deadline" in told:
        return Sighting(key, why, Action(asked), instant(told["deadline"]), can_cancel=True, moves=True)
    if "within" in told:
        return Sighting(key, why, Action(asked), within=_span(told["within"]), can_cancel=True)
    return Sighting(key, why, Action(asked), within=within, kind=DeadlineKind.CONFIGURED, can_cancel=True)


def _object(text: str) -> dict[str, Any]:
    import json  # noqa: PLC0415 - for those who write it

    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unclear("it begins as JSON, and is none") from error
    if not isinstance(found, dict):
        raise Unclear("it is JSON, but no object")
    return found


def _lines(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in (each.strip() for each in text.splitlines()):
        key, sign, value = (part.strip() for part in line.partition("="))
        if not line or line.startswith("#"):
            continue
        if not sign or key in found:
            raise Unclear(f"it says {line[:_SHOWN]!r}; write each key once, as in `action = drain`")
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[key] = value[1:-1] if quoted else value
    return found


def _span(value: object) -> float:
    """Return the seconds that *value* means."""
    if isinstance(value, str):
        value = seconds_of(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_S:
        raise Unclear("its `within` is no length of time; write one like 30s, a week at most")
    return float(value)


def _reason(value: object) -> str:
    """Return a reason in one line that can be shown."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unclear("its reason is no text")
    return "".join(each if each.isprintable() else " " for each in value[:LONGEST_REASON]).strip()
