"""
The course of a run as data, made of its events: what a terminal shows, and what a socket tells.

It is plain JSON, so that it can go from process to process; all instants are seconds on the monotonic clock, which all
processes of a host share. A change has the same shape as the whole, with only what is new in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..core.drain import INFLIGHT
from ..core.events import (
    AttemptFailed,
    AttemptStarted,
    Drained,
    Event,
    HandlerEnded,
    HandlerStuck,
    Noted,
    PlanChanged,
    RunEnded,
    RunStarted,
    RunWithdrawn,
    Waiting,
    WorkCut,
)
from ..core.labels import printable
from ..core.outcome import Result
from ..core.plan import Plan
from ..hints import Any

MOST = 10_000
"""How many handlers of a process that is not this one are believed."""
_AFTER = 8
WAITS, RUNS, AGAIN, STUCK = "waits", "runs", "again", "stuck"
"""Where a handler is that has not ended; one that has is where its outcome says."""
OPEN = frozenset((WAITS, RUNS, AGAIN, STUCK))
ENDING, DRAINING, DRAINED, RESUMING, ENDED = "ending", "draining", "drained", "resuming", "ended"
"""Where a run is."""
Change = dict[str, Any]


class Course:
    """Takes the events of one run after another. One thread takes, any thread may look."""

    def __init__(self) -> None:
        """Begin with no run."""
        self._head: dict[str, Any] = {}
        # A row is never changed but replaced, so that whoever looks sees whole ones.
        self._rows: dict[str, dict[str, Any]] = {}

    def whole(self) -> dict[str, Any]:
        """Return the run as it is, empty before the first has begun."""
        return {**self._head, "handlers": dict(self._rows)} if self._head else {}

    def take(self, event: Event) -> Change:
        """Take one event; return what has changed by it, empty if nothing has."""
        change = self._change(event)
        self._head = {**self._head, **{key: value for key, value in change.items() if key != "handlers"}}
        if isinstance(event, RunStarted):
            self._rows = {}
        self._rows |= change.get("handlers", {})
        return change

    def adopt(self, change: object) -> None:
        """Take a change that another process has told, as far as it makes sense; whatever comes is mistrusted."""
        if not isinstance(change, dict):
            return
        told = {key: each for key, kinds in _HEAD.items() if (each := _believed(change.get(key), *kinds)) is not None}
        if "run" in told and told["run"] != self._head.get("run"):
            self._head, self._rows = {}, {}
        self._head = {**self._head, **told}
        rows = change.get("handlers")
        for name, row in rows.items() if isinstance(rows, dict) else ():
            shown = printable(str(name))
            if isinstance(row, dict) and (shown in self._rows or len(self._rows) < MOST):
                found = {key: _believed(row.get(key), *kinds) for key, kinds in _ROW.items()}
                self._rows[shown] = {"state": WAITS} | {key: each for key, each in found.items() if each is not None}

    def _change(self, event: Event) -> Change:  # noqa: PLR0911 - one case for each event
        match event:
            case RunStarted(run=run, notice=notice, plan=plan):
                state = ENDING if notice.ends else DRAINING
                told = {"run": run, "state": state, "cause": notice.cause, "who": notice.who, "verdict": ""}
                return {**told, "in_flight": [], "more": 0, **_window(plan), "handlers": self._planned(plan, {})}
            case PlanChanged(plan=plan):
                return {"state": self._on_with(), **_window(plan), "handlers": self._planned(plan, self._rows)}
            case Drained():
                return {"state": DRAINED}
            case RunWithdrawn(notice=notice):
                return {"state": RESUMING, "cause": notice.cause, "who": notice.who}
            case RunEnded(verdict=verdict):
                return {"state": ENDED, "verdict": str(verdict), "in_flight": [], "more": 0}
            case Waiting(what=what, more=more):
                return {"in_flight": list(what), "more": more}
            case WorkCut(what=what, more=more, reason=reason):
                return self._row(INFLIGHT, note=f"cut {len(what) + more}, {reason}")
            case _:
                return self._change_of_handler(event)

    def _change_of_handler(self, event: Event) -> Change:
        match event:
            case AttemptStarted(handler=name, attempt=attempt, deadline=until, at=at):
                began = {"began": at} if attempt == 1 or "began" not in self._rows.get(name, ()) else {}
                return self._row(name, state=RUNS, attempt=attempt, until=until, **began)
            case AttemptFailed(handler=name, error=error, again_at=again):
                return self._row(name, state=AGAIN, why=error, again=again)
            case HandlerStuck(handler=name, reason=reason):
                return self._row(name, state=STUCK, why=reason)
            case Noted(handler=name, text=text):
                return self._row(name, note=text)
            case HandlerEnded(result=result):
                over = {"in_flight": [], "more": 0} if result.handler == INFLIGHT else {}
                return {**over, **self._row(result.handler, **_ended(result))}
            case _:
                return {}

    def _on_with(self) -> str:
        """Return where a run is that goes on with another plan; one that was drained has been told to end."""
        state = str(self._head.get("state", ENDING))
        return ENDING if state == DRAINED else state

    def _row(self, name: str, **change: object) -> Change:
        return {"handlers": {name: {**self._rows.get(name, {"state": WAITS}), **change}}}

    def _planned(self, plan: Plan, known: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return a row for each handler of *plan*, in the order in which they are expected to start."""
        after: dict[int, list[str]] = {}
        count = len(plan.steps)
        for node, following in enumerate(plan.graph.successors[:count]):
            for then in following:
                if then < count and len(after.setdefault(then, [])) < _AFTER:
                    after[then].append(plan.steps[node].handler)
        rows = {}
        for step in plan.in_order():
            told = {"phase": step.phase, "must": str(step.importance) == "must"}
            behind = after.get(plan.graph.index[step.handler], [])
            rows[step.handler] = {"state": WAITS, **known.get(step.handler, {}), **told, "after": behind}
        return rows


class Follower:
    """An observer that hands every change of the course on, such as to an agent around."""

    def __init__(self, tell: Callable[[Change], object]) -> None:
        """Hand the changes to *tell*."""
        self._course = Course()
        self._tell = tell

    def observe(self, event: Event) -> None:
        """Take one event."""
        change = self._course.take(event)
        if change:
            self._tell(change)


def waits_for(whole: Mapping[str, Any]) -> list[str]:
    """Return for what the run waits: the handlers that have begun and have not ended."""
    return [name for name, row in whole.get("handlers", {}).items() if row["state"] in OPEN - {WAITS}]


def with_joined(whole: Change, others: Iterable[tuple[str, Change]]) -> Change:
    """Return the *whole* run with the handlers of *others* in it, each a service that has joined and its own run."""
    rows = dict(whole.get("handlers", {}))
    in_flight, more = list(whole.get("in_flight", ())), whole.get("more", 0)
    for service, other in others:
        rows |= {f"{service}/{name}": row for name, row in other.get("handlers", {}).items()}
        in_flight += other.get("in_flight", ())
        more += other.get("more", 0)
    return {**whole, "handlers": rows, "in_flight": in_flight, "more": more}


def _window(plan: Plan) -> dict[str, float]:
    window = plan.window
    return {"opened": window.opened, "soft": window.soft, "hard": window.hard, "last": window.dump_at - window.margin}


def _ended(result: Result) -> dict[str, Any]:
    why = "; ".join(text for text in (result.reason, result.error) if text)
    return {"state": str(result.outcome), "why": why, "took": result.seconds, "attempt": result.attempts}


_HEAD: dict[str, tuple[type, ...]] = {
    "run": (str,), "state": (str,), "cause": (str,), "who": (str,), "verdict": (str,), "in_flight": (list,),
    "more": (int,), "opened": (float, int), "soft": (float, int), "hard": (float, int), "last": (float, int),
}  # fmt: skip
_ROW: dict[str, tuple[type, ...]] = {
    "state": (str,), "phase": (str,), "must": (bool,), "attempt": (int,), "began": (float, int), "why": (str,),
    "until": (float, int), "again": (float, int), "took": (float, int), "note": (str,), "after": (list,),
}  # fmt: skip


def _believed(value: object, *kinds: type) -> Any:
    """Return *value* if it is of one of these *kinds*, and what is text in it as it may be shown; else None."""
    if isinstance(value, str) and str in kinds:
        return printable(value)
    if isinstance(value, list) and list in kinds:
        return [printable(str(each)) for each in value[:100]]
    if (isinstance(value, bool) and bool not in kinds) or (isinstance(value, float) and value - value != 0):
        return None
    return value if isinstance(value, kinds) and not isinstance(value, str | list) else None
