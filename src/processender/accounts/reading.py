"""Lines of an archive, read back: by a process of another version, or damaged by a disk, or by somebody's hand."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.outcome import Verdict
from ..hints import Any
from .entry import CUT, MOST_HANDLERS, SCHEMA, storable
from .plain import number

VERDICTS = frozenset(map(str, Verdict))
"""How a run can have ended."""
OUTCOMES = ("done", "failed", "timed_out", "abandoned", "skipped", "")
"""How a handler can have ended; the last for one of which that is not known."""
MARKS = ("deployment", "incident")
"""What can be marked."""
LAST_DATE = 4102444800.0
"""2100-01-01: a later date is none."""
_OUTCOMES = frozenset(OUTCOMES)
_MOST_RETRIES = 1_000_000
_KINDS = ("end", "start", "crash", "mark")
Deed = tuple[str, str, str, str, float | None, int, str, float | None]
"""One handler: name, phase, importance, outcome, seconds, retries, reason, time-out."""


class NewerLine(ValueError):
    """The line is of a later version."""


class Line:
    """One line, each value of its type."""

    __slots__ = (
        "at", "cause", "cut", "deployment", "handlers", "id", "instance", "kind", "node", "seconds", "service", "text",
        "verdict", "version", "window_s", "zone",
    )  # fmt: skip

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the *data*; raise `NewerLine`, or `ValueError` for what makes no sense."""
        version = data.get("v")
        if not isinstance(version, int) or version > SCHEMA:
            raise NewerLine(str(version)[:20]) if isinstance(version, int) else ValueError("it has no version")
        self.kind = next((kind for kind in _KINDS if kind in data), "")
        self.id = storable(data.get(self.kind))
        at = number(data.get("at"))
        if not self.id or at is None or not 0.0 <= at < LAST_DATE:
            raise ValueError("it has no id, or no date")
        self.at = at
        get = data.get
        about = _clean.texts(get("service"), get("version"), get("zone"), get("deployment"), get("cause"))
        self.service, self.version, self.zone, self.deployment, self.cause = about
        self.node, self.instance = _clean.texts(get("node"), get("instance"))
        self.window_s = max(0.0, number(data.get("window_s")) or 0.0)
        self.text = storable(get("text"))
        self.seconds: float | None = None
        self.handlers: list[Deed] = []
        self.verdict = "crashed" if self.kind == "crash" else ""
        self.cut = self.kind == "crash" and (get("cut") is True or self.cause == CUT)
        if self.kind == "end":
            self._end(data)
        if self.kind == "mark" and self.id not in MARKS:
            raise ValueError("nothing of this kind can be marked")

    def _end(self, data: Mapping[str, Any]) -> None:
        self.verdict = storable(data.get("verdict"))
        if self.verdict not in VERDICTS:
            raise ValueError("it has no verdict")
        self.seconds = _positive(data.get("seconds"))
        handlers = data.get("handlers")
        if not isinstance(handlers, list):
            raise ValueError("it has no handlers")  # noqa: TRY004 - all that is wrong with a line is a ValueError
        self.handlers = [_deed(each) for each in handlers[:MOST_HANDLERS]]

    @property
    def undone(self) -> int:
        """How many handlers were not done."""
        return sum(1 for each in self.handlers if each[3] != "done")


class _Clean:
    """Names that were found to be as they should be: the same few come a million times."""

    _MOST = 20_000

    def __init__(self) -> None:
        self._known: set[tuple[Any, ...]] = set()

    def texts(self, *values: Any) -> tuple[str, ...]:
        """Return the *values* as names, see `storable`."""
        try:
            if values in self._known:
                return values
        except TypeError:  # a list, or an object
            return tuple(map(storable, values))
        clean = tuple(map(storable, values))
        if clean == values:
            if len(self._known) >= self._MOST:
                self._known.clear()
            self._known.add(clean)
        return clean


_clean = _Clean()


def _deed(each: Any) -> Deed:
    try:
        name, phase, importance, outcome, took, retries, reason, timeout = each[:8]
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError("one of its handlers is none") from error
    name, phase, importance, outcome, reason = _clean.texts(name, phase, importance, outcome, reason)
    if outcome not in _OUTCOMES:
        raise ValueError("a handler ended in no way that is known")
    seconds = took if type(took) is float and 0.0 <= took < LAST_DATE else _positive(took)
    limit = timeout if type(timeout) is float and 0.0 <= timeout < LAST_DATE else _limit(timeout)
    again = retries if type(retries) is int and 0 <= retries < _MOST_RETRIES else _retries(retries)
    return (name, phase, importance, outcome, seconds, again, reason, limit)


def _positive(value: Any) -> float | None:
    known = number(value)
    return None if known is None else max(0.0, known)


def _limit(value: Any) -> float | None:
    known = number(value)
    return known if known is not None and known >= 0.0 else None


def _retries(value: Any) -> int:
    return min(_MOST_RETRIES, max(0, int(number(value) or 0)))
