"""
Runs in virtual time: handlers that behave as a script says, carried through by the very `Run` that the engine drives.

Nothing is called and nobody waits: an hour passes in no time, and the same script gives the same run.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence

from ..core.commands import Cancel, Command, Redirect, Start
from ..core.events import AttemptFailed, AttemptStarted, Event
from ..core.graph import compile_graph
from ..core.handler import PHASES, Handler
from ..core.outcome import Outcome, Result
from ..core.plan import Plan
from ..core.planner import Planner
from ..core.record import Record
from ..core.reports import Began, Raised, Refused, Report, Returned
from ..core.run import Run
from ..core.window import Window
from ..errors import ProcessEnderError

NEVER = math.inf
_MOST_STEPS = 1_000_000


class GaveWay(Exception):
    """The attempt was asked to give way and did."""


class Behaviour(Record):
    """What one attempt does. Times are seconds; `NEVER` is for ever."""

    takes: float = 0.0
    """How long it runs."""
    error: BaseException | None = None
    """What it raises at its end; None means that it returns."""
    begins: float = 0.0
    """How long after it was handed over it takes its first step."""
    gives_way: float = 0.0
    """How long after it was asked to give way it does so."""
    refused: str = ""
    """Why the engine cannot start it at all."""


Attempt = float | BaseException | Behaviour
"""What one attempt does; a number is a `Behaviour` that takes so long, an exception one that raises it at once."""

Script = Mapping[str, Attempt | Sequence[Attempt]]
"""What each handler does; of several attempts the last is repeated, and who is not named returns at once."""


def make_plan(
    handlers: Sequence[Handler],
    window: Window | float = 30.0,
    *,
    phases: Sequence[str] = PHASES,
    lanes: Mapping[str, int] | None = None,
    estimates: Mapping[str, float] | None = None,
    progress: Mapping[str, float] | None = None,
) -> Plan:
    """Return the plan of *handlers* for *window*; a number is a window of so many seconds that opens at 0."""
    if not isinstance(window, Window):
        window = Window.open(0.0, window)
    graph, problems = compile_graph(handlers, phases, lanes)
    return Planner(lanes).plan(graph, window, estimates, progress, problems=problems)


class Simulation:
    """A run in virtual time; `simulate` makes one and carries it through."""

    def __init__(self, plan: Plan, script: Script, chance: Callable[[], float], hold: str = "") -> None:
        """Stand at the opening of the window."""
        self.run = Run(plan, chance, hold)
        self.now = plan.window.opened
        """The instant; in the end, when the run had finished."""
        self.events: list[Event] = []
        """What happened, in order."""
        self.commands: list[tuple[float, Command]] = []
        """What the run asked for, and when."""
        self._script = script
        self._coming: list[tuple[float, int, Report]] = []
        self._number = 0
        self._started: dict[str, Handler] = {}
        self._begun: dict[tuple[str, int], float] = {}
        self._ended: set[tuple[str, int]] = set()

    @property
    def results(self) -> dict[str, Result]:
        """What became of each handler, in the order in which they ended."""
        return self.run.results

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of each handler."""
        return {name: result.outcome for name, result in self.results.items()}

    def attempts(self, handler: str) -> list[float]:
        """Return when each attempt of *handler* began."""
        return [e.at for e in self.events if isinstance(e, AttemptStarted) and e.handler == handler]

    def pauses(self, handler: str) -> list[float]:
        """Return the seconds between each failed attempt of *handler* and the next."""
        failed = [e for e in self.events if isinstance(e, AttemptFailed) and e.handler == handler]
        return [each.again_at - each.at for each in failed]

    def asked(self, kind: type[Command]) -> list[tuple[float, str]]:
        """Return when the run gave commands of this *kind*, and to which handler."""
        return [(at, _addressee(each)) for at, each in self.commands if isinstance(each, kind)]

    def tell(self, at: float, report: Report) -> None:
        """Let *report* come at the instant *at*."""
        # The number keeps reports of one instant in the order in which they were told.
        self._number += 1
        heapq.heappush(self._coming, (at, self._number, report))

    def carry_through(self) -> None:
        """Go from instant to instant until the run has finished."""
        for _ in range(_MOST_STEPS):
            reports = []
            while self._coming and self._coming[0][0] <= self.now:
                report = heapq.heappop(self._coming)[2]
                if self._counts(report):
                    reports.append(report)
            commands, events = self.run.advance(self.now, reports)
            self.events.extend(events)
            for command in commands:
                self.commands.append((self.now, command))
                self._obey(command)
            times = [self._coming[0][0]] if self._coming else []
            if self.run.wake_at is not None:
                times.append(self.run.wake_at)
            if self.run.finished:
                return
            if not times:
                break
            self.now = max(self.now, min(times))
        raise ProcessEnderError(f"the run cannot finish: at {self.now} s it waits for nothing; {self.outcomes}")

    def _obey(self, command: Command) -> None:
        match command:
            case Start(handler=handler, attempt=attempt):
                self._start(handler, attempt)
            case Redirect(handler=name, attempt=attempt):
                handler = self._started[name]
                if handler.fallback is not None or handler.loop == "any":
                    self._begin(name, attempt, self.now)
            case Cancel(handler=name, attempt=attempt, reason=reason, stuck=False):
                if self._begun.get((name, attempt), NEVER) > self.now:
                    self._ended.add((name, attempt))
                    self.tell(self.now, Refused(name, attempt, self.now, reason))
            case Cancel(handler=name, attempt=attempt):
                at = self.now + self._behaviour(name, attempt).gives_way
                if (name, attempt) in self._begun and at < NEVER:
                    self.tell(at, Raised(name, attempt, at, GaveWay()))
            case _:
                pass

    def _counts(self, report: Report) -> bool:
        """Tell whether *report* counts: who has given way does not return as well, who was called back never begins."""
        if not isinstance(report, Began | Returned | Raised):
            return True
        attempt = (report.handler, report.attempt)
        if attempt in self._ended:
            return False
        if not isinstance(report, Began):
            self._ended.add(attempt)
        return True

    def _start(self, handler: Handler, attempt: int) -> None:
        behaviour = self._behaviour(handler.name, attempt)
        self._started[handler.name] = handler
        if behaviour.refused:
            self.tell(self.now, Refused(handler.name, attempt, self.now, behaviour.refused))
        elif behaviour.begins < NEVER:
            self._begin(handler.name, attempt, self.now + behaviour.begins)

    def _begin(self, name: str, attempt: int, at: float) -> None:
        behaviour = self._behaviour(name, attempt)
        self._begun[name, attempt] = min(at, self._begun.get((name, attempt), NEVER))
        self.tell(at, Began(name, attempt, at))
        end = at + behaviour.takes
        if behaviour.error is not None:
            self.tell(end, Raised(name, attempt, end, behaviour.error))
        elif end < NEVER:
            self.tell(end, Returned(name, attempt, end))

    def _behaviour(self, name: str, attempt: int) -> Behaviour:
        said = self._script.get(name, 0.0)
        if isinstance(said, Sequence):
            said = said[min(attempt, len(said)) - 1]
        if isinstance(said, BaseException):
            return Behaviour(error=said)
        return said if isinstance(said, Behaviour) else Behaviour(said)


def _addressee(command: Command) -> str:
    return command.handler.name if isinstance(command, Start) else command.handler


def simulate(
    handlers: Sequence[Handler],
    script: Script | None = None,
    window: Window | float = 30.0,
    *,
    phases: Sequence[str] = PHASES,
    lanes: Mapping[str, int] | None = None,
    estimates: Mapping[str, float] | None = None,
    chance: float = 0.5,
    told: Mapping[float, Report | Sequence[Report]] | None = None,
    hold: str = "",
) -> Simulation:
    """
    Carry a run of *handlers* through in virtual time and return what happened.

    Args:

        handlers: In order of registration.

        script: What each of them does.

        window: The time there is; a number is a window of so many seconds that opens at the instant 0.

        phases: The phases, in order.

        lanes: The capacity of each lane.

        estimates: How long handlers usually take, seconds.

        chance: What every draw of the jitter gives, a number in [0, 1).

        told: What the run is told besides, by the instant: another plan (`make_plan`), or that it must hurry.

        hold: The phase behind which the run holds until it is told to go on.
    """
    plan = make_plan(handlers, window, phases=phases, lanes=lanes, estimates=estimates)
    simulation = Simulation(plan, script or {}, lambda: chance, hold)
    for at, reports in (told or {}).items():
        for report in reports if isinstance(reports, Sequence) else (reports,):
            simulation.tell(at, report)
    simulation.carry_through()
    return simulation
