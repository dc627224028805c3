"""What a set of handlers becomes for one window: the order, the expected times, and what will not fit."""

from __future__ import annotations

from collections.abc import Mapping

from ..hints import Any
from .graph import Graph, Problem
from .handler import Handler, Importance
from .record import Record
from .window import Window

GUESS_S = 0.5
GUESS_SHARE = 0.02
RESERVE_S = 1.0
RESERVE_SHARE = 0.1
"""What is kept free for a `must` of which nobody has said how long it takes, seconds at most and of the window."""


def guess(handler: Handler, window: Window) -> float:
    """Return how long *handler* is taken to last of which nothing is known: a time-out is a limit and no estimate."""
    most, share = (RESERVE_S, RESERVE_SHARE) if handler.importance is Importance.MUST else (GUESS_S, GUESS_SHARE)
    seconds = min(most, share * window.work)
    return seconds if handler.timeout is None else min(seconds, handler.timeout)


class Step(Record):
    """One handler in a plan. Times are seconds from the opening of the window."""

    handler: str
    """The name of the handler."""
    phase: str
    """Its phase."""
    importance: Importance
    """What is given up first when the window is too short."""
    start: float
    """When it is expected to start."""
    finish: float
    """When it is expected to end."""
    latest: float
    """When it must have ended, so that the `must` handlers behind it still have their time."""
    guessed: bool
    """Whether its expected time is a guess, because neither its author nor history told one."""


class Progress(Record):
    """Where a run stands. Times are seconds from the notice."""

    ended: Mapping[str, float] = {}
    """The handlers that have ended, each with when."""
    failed: frozenset[str] = frozenset()
    """Those of them that have not ended as they should."""
    running: Mapping[str, float] = {}
    """The handlers that have begun, each with when."""
    now: float = 0.0
    """What time it is."""
    sizes: Mapping[str, float] = {}
    """How much each of them has to do, as far as it has said so."""


class Misfit(Record):
    """A handler that the window has no room for."""

    handler: str
    """Its name."""
    over: float
    """By how many seconds its expected end is too late."""
    reason: str
    """What would have to be otherwise, in words."""


class Plan(Record):
    """An order for one window. Immutable; a new window or a surprise makes a new plan."""

    graph: Graph
    """The order of the handlers."""
    window: Window
    """The window that it was made for."""
    steps: tuple[Step, ...]
    """The handlers, in the order of the graph's nodes."""
    tails: tuple[float, ...]
    """For each node, the expected seconds of the longest chain of `must` handlers behind it."""
    lanes: Mapping[str, int]
    """The capacity of each lane."""
    critical: tuple[str, ...] = ()
    """The chain of handlers that decides how long the whole takes."""
    skips: Mapping[str, str] = {}
    """The handlers that the plan gives up, each with the reason."""
    misfits: tuple[Misfit, ...] = ()
    """The handlers that will not fit."""
    problems: tuple[Problem, ...] = ()
    """What was wrong with the order and is left out."""
    spare: frozenset[str] = frozenset()
    """The handlers that will not fit and hold up nobody: they are tried with what is left over."""
    urgency: tuple[float, ...] = ()
    """For each node, how long the chain is that begins with it; empty where `tails` say enough."""
    chances: Mapping[str, float] = {}
    """The chance of each handler to end in time, where that was asked for."""
    estimates: Mapping[str, Any] = {}
    """What is known of the time of each handler that has run before."""

    @property
    def makespan(self) -> float:
        """The expected seconds from the notice to the end of the last handler."""
        return max((step.finish for step in self.steps), default=0.0)

    @property
    def fits(self) -> bool:
        """Whether everything is expected to end inside the window."""
        return not self.misfits

    def latest(self, node: int) -> float:
        """Return when the handler of *node* must have ended, seconds on the monotonic clock."""
        return self.window.opened + self.steps[node].latest

    def opened(self, at: float) -> Plan:
        """Return the same plan for a window of the same length that opens at the instant *at*."""
        shift = at - self.window.opened
        window = self.window.replace(opened=at, soft=self.window.soft + shift, hard=self.window.hard + shift)
        return self.replace(window=window)

    def in_order(self) -> list[Step]:
        """Return the steps as they are expected to start."""
        place = {node: position for position, node in enumerate(self.graph.order)}
        nodes = sorted(range(len(self.steps)), key=lambda node: (self.steps[node].start, place[node]))
        return [self.steps[node] for node in nodes]
