"""The machine-readable account of one run: a provisional one before the first effect, the final one at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

from ..core.escalation import FORCE
from ..core.events import (
    AttemptFailed,
    Escalated,
    Event,
    HandlerEnded,
    HandlerStuck,
    Noted,
    NoticeHeard,
    PlanChanged,
    RoomEvent,
    RunEnded,
    RunStarted,
    Sized,
    Trouble,
    WorkCut,
)
from ..core.labels import Several
from ..core.notice import Notice
from ..core.outcome import Outcome, Result, Verdict
from ..core.plan import Plan, Step
from ..core.window import Window
from ..core.written import as_text
from ..hints import Any
from ..ports import Clock
from .facts import Accounted, Facts
from .state import link_last, write_new

SCHEMA = 1
KEPT = 64
"""How many reports of a service are kept."""


class ReportWriter:
    """An observer that keeps the account and, given a directory, writes it there."""

    def __init__(self, facts: Facts, clock: Clock) -> None:
        """Take the *facts*; without `open` nothing is written."""
        self.facts = facts
        self.last: dict[str, Any] | None = None
        """The account, once a run has begun."""
        self.emit: Callable[[Event], object] = lambda _event: None
        """Tells everybody of the account."""
        self.send: Callable[[dict[str, Any]], bool] = lambda _account: False
        """Sends the account to whoever keeps it instead of the directory, and tells whether it is there."""
        # The difference of the two clocks turns monotonic instants into dates.
        self._offset = clock.wall() - clock.now()
        self._directory = ""
        self._path = ""
        self._linked = False
        self._notices: list[Notice] = []
        self._results: dict[str, Result] = {}
        self._stuck: list[dict[str, Any]] = []
        self._notes: dict[str, Several] = {}
        self._cut = Several()
        self._retries: list[dict[str, Any]] = []
        self._troubles = Several()
        self._plan: Plan | None = None
        self._first: Plan | None = None
        self.learning: Any = None
        self._end: RunEnded | None = None
        self._changes = 0
        self._sizes: dict[str, float] = {}
        self._removed: dict[str, Step] = {}
        self._opened = 0.0
        self._forced = 0
        self._at_start = 0

    def open(self, directory: str) -> None:
        """Write the report into *directory* from now on."""
        self._directory = os.path.join(directory, "reports")
        self._path = os.path.join(self._directory, f"{self.facts.run_id}.json")

    def learn(self, planned: Any) -> Any:
        """Let *planned*, `telemetry.planned`, compare the plan with what comes of it and remember; return its event."""
        self.learning = planned
        return planned.Kept

    def observe(self, event: Event) -> None:  # noqa: C901, PLR0912 - one case for each event
        """Take one event; raise `OSError` when the report cannot be written."""
        match event:
            case NoticeHeard():
                self._notices.append(event.notice)
            case RunStarted():
                self._begin(event)
                self._save(Verdict.FORCED, None)
            case PlanChanged():
                self._change(event.plan)
            case HandlerEnded():
                self._results[event.result.handler] = event.result
            case HandlerStuck():
                stack = event.stack.splitlines()
                where = {"handler": event.handler, "reason": event.reason, "at_s": self._since(event.at)}
                self._stuck.append({**where, "stack": stack})
            case Noted():
                self._notes.setdefault(event.handler, Several()).add(event.text)
            case Sized():
                self._sizes[event.handler] = event.size
            case WorkCut():
                about = {"reason": event.reason, "at_s": self._since(event.at)}
                self._cut.add(*({"what": what, **about} for what in event.what), more=event.more)
            case AttemptFailed():
                failed = {"handler": event.handler, "error": event.error, "at_s": self._since(event.at)}
                self._retries.append({**failed, "attempt": event.attempt, "again_s": self._since(event.again_at)})
            case RoomEvent() if self.learning is not None and isinstance(event, self.learning.Kept):
                self._remember(event)
            case Trouble():
                self._troubles.add({"code": event.code, "text": event.text})
            case Escalated(level=level, signum=signum) if level == FORCE and self._plan is not None:
                # The process is ended at once, and no end of the run follows.
                self._forced = 128 + signum
                self._save(Verdict.FORCED, event.at)
            case RunEnded():
                self._save(event.verdict, event.at)
                self._prune()
                self._end = event
                if event.verdict is Verdict.CANCELLED:
                    # What was taken back has its account; the process lives on, and its next run has one of its own.
                    self._notices, self._troubles = [], Several()

    def _begin(self, started: RunStarted) -> None:
        first = self._plan is None
        self._plan, self._opened = started.plan, started.plan.window.opened
        self._first, self._changes, self._sizes = started.plan, 0, {}
        self._results, self._stuck, self._retries, self._removed = {}, [], [], {}
        self._notes, self._cut = {}, Several()
        self._at_start = len(self.facts.in_flight())
        if not first:
            self.facts.run_id, self._linked = started.run, False
            self._path = self._directory and os.path.join(self._directory, f"{started.run}.json")

    def _change(self, plan: Plan) -> None:
        """Keep what the former plan says of handlers that the new one lacks: those that have begun run out."""
        former = self._plan.steps if self._plan is not None else ()
        self._removed.update({step.handler: step for step in former if step.handler not in plan.graph.index})
        self._plan, self._changes = plan, self._changes + 1

    def _save(self, verdict: Verdict, ended: float | None) -> None:
        try:
            kept = self._write(verdict, ended)
        except OSError:
            self._tell(ended, kept=True)
            raise
        self._tell(ended, kept=kept)

    def _tell(self, ended: float | None, *, kept: bool) -> None:
        """Tell of the account, whose file is *kept* here."""
        assert self.last is not None  # it was just made
        place = os.path.dirname(self._directory) if kept else ""
        self.emit(Accounted(self._opened if ended is None else ended, self.last, place))

    def _remember(self, kept: Any) -> None:
        """Let the next plan know how long everything took, and say so if it cannot be written."""
        if self._directory and self._end is not None:
            directory, version = os.path.dirname(self._directory), self.facts.version
            trouble = self.learning.remember(directory, self._results, self._sizes, version, kept)
            if trouble:
                self._troubles.add({"code": "history", "text": trouble})
                self._write(self._end.verdict, self._end.at)

    def _since(self, at: float) -> float:
        return round(at - self._opened, 6)

    def _date(self, at: float) -> float:
        return round(at + self._offset, 6)

    def _account(self, verdict: Verdict, ended: float | None) -> dict[str, Any]:
        plan = self._plan
        assert plan is not None  # a run has begun
        heard = [notice for notice in self._notices if notice.ends] or self._notices
        first = self.facts.beginning() or next(iter(heard), None)
        gone = [step for name, step in self._removed.items() if name in self._results and name not in plan.graph.index]
        return {
            "schema": SCHEMA,
            "id": self.facts.run_id,
            "service": self.facts.service,
            "version": self.facts.version,
            "instance": os.environ.get("HOSTNAME") or self.facts.host,
            "host": self.facts.host,
            **{name: self.facts.where[name] for name in ("deployment", "zone", "node")},
            "cause": first.cause if first else "",
            "notices": [self._notice(notice) for notice in self._notices],
            "sources": self.facts.sources(),
            "window": _shown(plan.window),
            "verdict": str(verdict),
            "exit": self._forced or self.facts.exit(),
            "started": self._date(self._opened),
            "ended": None if ended is None else self._date(ended),
            "seconds": None if ended is None else self._since(ended),
            "handlers": [self._handler(step) for step in sorted((*plan.in_order(), *gone), key=self._begun)],
            "plan": None if ended is None else self._planned(),
            "in_flight_at_start": self._at_start,
            "in_flight": self.facts.in_flight(),
            "cut": self._cut.shown(lambda more: {"what": more}),
            "skipped": {name: r.reason for name, r in self._results.items() if r.outcome is Outcome.SKIPPED},
            "stuck": self._stuck,
            "retries": self._retries,
            "journal": None if ended is None else self.facts.journal(),
            "command": None if ended is None else self.facts.command(),
            "troubles": self._troubles.shown(lambda more: {"code": "more", "text": more}),
            "environment": {"pid": os.getpid(), "python": sys.version.split()[0], "platform": self.facts.platform},
        }

    def _planned(self) -> Any:
        return None if self.learning is None else self.learning.account(self._first, self._results, self._changes)

    def _notice(self, notice: Notice) -> dict[str, Any]:
        return {
            "cause": notice.cause,
            "origin": notice.origin,
            "action": str(notice.action),
            "at": self._date(notice.at),
            "deadline": None if notice.deadline is None else self._date(notice.deadline),
            "kind": None if notice.deadline is None else str(notice.kind),
            "sender": notice.sender,
        }

    def _begun(self, step: Step) -> float:
        """Return when a handler began, for the order of the report; those that never did come last."""
        result = self._results.get(step.handler)
        return float("inf") if result is None or result.started is None else result.started

    def _handler(self, step: Step) -> dict[str, Any]:
        result = self._results.get(step.handler)
        graph = self._plan.graph if self._plan is not None else None
        node = graph.index.get(step.handler) if graph is not None else None
        handler = graph.handlers[node] if graph is not None and node is not None else None
        about = {
            "name": step.handler,
            "phase": step.phase,
            "importance": str(step.importance),
            "needs": [] if handler is None else [*handler.needs],
            "timeout_s": None if handler is None else handler.timeout,
        }
        if result is None:
            return {**about, "outcome": None}
        return {
            **about,
            "outcome": str(result.outcome),
            "reason": result.reason,
            "error": result.error,
            "notes": self._notes.get(step.handler, Several()).shown(str),
            "attempts": result.attempts,
            "started_s": None if result.started is None else self._since(result.started),
            "ended_s": self._since(result.ended),
        }

    def _prune(self) -> None:
        """Keep the newest reports only: a service may end a thousand times."""
        if self._path:
            directory = os.path.dirname(self._path)
            for name in _newest_last(os.listdir(directory))[:-KEPT]:
                if name != os.path.basename(self._path):
                    os.unlink(os.path.join(directory, name))

    def _write(self, verdict: Verdict, ended: float | None) -> bool:
        """Make the account and write it; return whether it is kept here."""
        self.last = account = self._account(verdict, ended)
        if self.send(account) or not self._path:
            return False
        data = as_text(account).encode()
        try:
            if account["ended"] is None:
                # Nobody knows of it before the link, so it needs no draft; and the first handler waits for it.
                write_new(self._path, data)
            else:
                draft = f"{self._path}.new"
                write_new(draft, data)
                os.replace(draft, self._path)
            if not self._linked:
                link_last(self._path)
                self._linked = True
        except OSError as error:
            raise OSError(f"the report {self._path} cannot be written: {error}") from error
        return True


def _shown(window: Window) -> dict[str, Any]:
    slices = {"length_s": window.length, "work_s": window.work, "reserve_s": window.reserve}
    return {**{name: round(seconds, 6) for name, seconds in slices.items()}, "kind": str(window.kind)}


def _newest_last(names: Iterable[str]) -> list[str]:
    """Return the *names* of reports in the order of their runs: the id of a run begins with its time."""
    return sorted(name for name in names if name.endswith(".json") and name != "last.json")
