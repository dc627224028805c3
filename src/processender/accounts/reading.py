"""Lines of an archive, read back: by a process of another version, or damaged by a disk, or by somebody's hand."""

from __future__ import annotations

from collections.abc import Mapping

from ..hints import Any
from .entry import MOST_HANDLERS, SCHEMA, number, text

VERDICTS = frozenset({"clean", "degraded", "forced", "crashed", "cancelled"})
"""How a run can have ended."""
OUTCOMES = ("done", "failed", "timed_out", "abandoned", "skipped", "")
"""How a handler can have ended; the last for one of which that is not known."""
MARKS = ("deployment", "incident")
"""What can be marked."""
LAST_DATE = 4102444800.0
"""2100-01-01: a later date is none."""
_KINDS = ("end", "start", "crash", "mark")
Deed = tuple[str, str, str, str, float | None, int, str, float | None]
"""One handler: name, phase, importance, outcome, seconds, retries, reason, time-out."""


class NewerLine(ValueError):
    """The line is of a later version."""


class Line:
    """One line, each value of its type."""

    __slots__ = (
        "at", "cause", "deployment", "handlers", "id", "instance", "kind", "node", "seconds", "service", "text",
        "verdict", "version", "window_s", "zone",
    )  # fmt: skip

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the *data*; raise `NewerLine`, or `ValueError` for what makes no sense."""
        version = data.get("v")
        if not isinstance(version, int) or version > SCHEMA:
            raise NewerLine(str(version)[:20]) if isinstance(version, int) else ValueError("it has no version")
        self.kind = next((kind for kind in _KINDS if kind in data), "")
        self.id = text(data.get(self.kind))
        at = number(data.get("at"))
        if not self.id or at is None or not 0.0 <= at < LAST_DATE:
            raise ValueError("it has no id, or no date")
        self.at = at
        self.service = text(data.get("service"))
        self.version = text(data.get("version"))
        self.zone = text(data.get("zone"))
        self.deployment = text(data.get("deployment"))
        self.cause = text(data.get("cause"))
        self.node = text(data.get("node"))
        self.instance = text(data.get("instance"))
        self.window_s = max(0.0, number(data.get("window_s")) or 0.0)
        self.text = text(data.get("text"))
        self.seconds: float | None = None
        self.handlers: list[Deed] = []
        self.verdict = "crashed" if self.kind == "crash" else ""
        if self.kind == "end":
            self._end(data)
        if self.kind == "mark" and self.id not in MARKS:
            raise ValueError("nothing of this kind can be marked")

    def _end(self, data: Mapping[str, Any]) -> None:
        self.verdict = text(data.get("verdict"))
        if self.verdict not in VERDICTS:
            raise ValueError("it has no verdict")
        seconds = number(data.get("seconds"))
        self.seconds = None if seconds is None else max(0.0, seconds)
        handlers = data.get("handlers")
        if not isinstance(handlers, list):
            raise ValueError("it has no handlers")  # noqa: TRY004 - all that is wrong with a line is a ValueError
        self.handlers = [_deed(each) for each in handlers[:MOST_HANDLERS]]

    @property
    def undone(self) -> int:
        """How many handlers were not done."""
        return sum(1 for each in self.handlers if each[3] != "done")


def _deed(each: Any) -> Deed:
    if not isinstance(each, list) or len(each) < 8:
        raise ValueError("one of its handlers is none")
    outcome = text(each[3])
    if outcome not in OUTCOMES:
        raise ValueError("a handler ended in no way that is known")
    took, retries, timeout = number(each[4]), number(each[5]), number(each[7])
    seconds = None if took is None else max(0.0, took)
    about = (text(each[0]), text(each[1]), text(each[2]))
    return (*about, outcome, seconds, max(0, int(retries or 0)), text(each[6]), timeout)
