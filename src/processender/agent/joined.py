"""
The applications that have joined the agent: their Enders are told of the end, and their reports stand in the agent's.

A process of the command that holds an `Ender` finds the agent's socket in its environment and joins. The agent decides
the deadline: as it asks the command to end, it tells each how long it has left for that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..demand import load
from ..errors import ProcessEnderError
from ..hints import Any
from .line import Caller

MOST = 32
"""How many may join; those that come later end by their signal, as every command does."""
_NAMED = 100


class Joined:
    """Who has joined. Safe for threads."""

    def __init__(self, service: str) -> None:
        """Nobody has; those who do keep what they owe under the name of *service*."""
        self._service = service
        self._lock = threading.Lock()
        self._callers: list[Caller] = []
        self._about: dict[Caller, dict[str, Any]] = {}
        self._reports: dict[Caller, dict[str, Any]] = {}
        self._courses: dict[Caller, Any] = {}
        self._deaf: set[Caller] = set()
        self._news = threading.Event()

    def take(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Let the application join that sends *request*, or keep its report."""
        if request["do"] == "report":
            return self._keep(request.get("report"), caller)
        if request["do"] == "course":
            return self._follow(request.get("change"), caller)
        if request["do"] == "heard":
            with self._lock:
                self._deaf.discard(caller)
            self._news.set()
            return {"heard": True}
        with self._lock:
            if caller not in self._callers and len(self._callers) >= MOST:
                raise ProcessEnderError(f"cannot join: {MOST} have; end by the signal")
            if caller not in self._callers:
                self._callers.append(caller)
            handlers = request.get("handlers")
            names = [str(each)[:_NAMED] for each in handlers[:_NAMED]] if isinstance(handlers, list) else []
            name = str(request.get("service", ""))[:_NAMED]
            self._about[caller] = {"pid": caller.pid, "service": name, "handlers": names}
        caller.kept = True
        return {"joined": True, "service": self._service}

    def lost(self, caller: Caller) -> None:
        """Take note that *caller* has gone."""
        with self._lock:
            self._deaf.discard(caller)
            if caller in self._callers:
                self._callers.remove(caller)
            self._tidy()
        self._news.set()

    def _keep(self, report: Any, caller: Caller) -> dict[str, Any]:
        if not caller.kept or not isinstance(report, dict):
            raise ProcessEnderError("cannot keep the report: nobody has joined on this connection; join first")
        with self._lock:
            # The last one counts: that of a run which was taken back is not that of the end.
            self._reports[caller] = _named(report, str(self._about[caller]["service"]))
            for oldest in list(self._reports)[:-MOST]:
                del self._reports[oldest]
            self._tidy()
        self._news.set()
        return {"kept": True}

    def _follow(self, change: Any, caller: Caller) -> dict[str, Any]:
        """Take what has changed in the run of an application."""
        if not caller.kept:
            raise ProcessEnderError("cannot follow the run: nobody has joined on this connection; join first")
        with self._lock:
            course = self._courses.get(caller)
            if course is None:
                course = self._courses[caller] = load("live.course").Course()
            course.adopt(change)
        return {"taken": True}

    def courses(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the runs of those that have told theirs, each with the name of its service."""
        with self._lock:
            told = [(str(self._about[caller]["service"]), course) for caller, course in self._courses.items()]
            return [(service, whole) for service, course in told if (whole := course.whole())]

    def _tidy(self) -> None:
        """Keep the names of those that are there, or have left a report, and of nobody else."""
        for caller in [each for each in self._about if each not in self._callers and each not in self._reports]:
            del self._about[caller]
            self._courses.pop(caller, None)

    def names(self) -> list[dict[str, Any]]:
        """Return who is there, with the names of their handlers."""
        with self._lock:
            return [self._about[caller] for caller in self._callers]

    def tell(self, cause: str, sender: str, action: str, seconds: float | None = None) -> None:
        """Tell all of them that they are asked for an *action*, why, by whom, and how many *seconds* they have."""
        with self._lock:
            callers = list(self._callers)
            self._deaf = set(callers)
        message: dict[str, Any] = {"notice": {"cause": cause, "sender": sender, "action": action}}
        if seconds is not None:
            message["deadline_s"] = round(seconds, 6)
        for caller in callers:
            caller.push(message)

    def await_heard(self, seconds: float) -> None:
        """Wait, at most *seconds*, until all of them have heard what they were told."""
        self._await(lambda: bool(self._deaf), seconds)

    def await_reports(self, seconds: float) -> None:
        """Wait, at most *seconds*, for the last words of those that have gone: they may still be on their way."""
        self._await(lambda: bool(self._callers), seconds)

    def _await(self, waits: Callable[[], bool], seconds: float) -> None:
        """Wait at most *seconds* between two pieces of news for as long as *waits* says so."""
        while waits():
            self._news.clear()
            if waits() and not self._news.wait(seconds):
                return

    def forget(self) -> None:
        """Forget the reports of those that have gone: the command is started again, and has a new life."""
        with self._lock:
            for caller in [each for each in self._reports if each not in self._callers]:
                del self._reports[caller]
            self._tidy()

    def account(self) -> dict[str, Any] | None:
        """Return their reports for that of the agent: the first, with any others in it; None if there are none."""
        with self._lock:
            reports = list(self._reports.values())
        if not reports:
            return None
        return {**reports[0], "others": reports[1:]} if reports[1:] else reports[0]


def _named(report: dict[str, Any], service: str) -> dict[str, Any]:
    """Return *report* with the name of its service before those of its handlers."""
    handlers = report.get("handlers")
    if not isinstance(handlers, list):
        return report
    named = [{**each, "name": f"{service}/{each.get('name')}"} for each in handlers if isinstance(each, dict)]
    return {**report, "handlers": named}
