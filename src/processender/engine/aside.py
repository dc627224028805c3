"""A run beside the life of the process: without signals, without last resorts, in a window of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable

from ..core.escalation import Escalation
from ..core.events import Event, HandlerEnded
from ..core.notice import Notice
from ..core.outcome import Result
from ..core.reports import Hurried
from ..core.window import Window
from ..ports import Clock, Observer
from .coordinator import Coordinator
from .observers import Outlets
from .registry import Registry

SIDE_BY_SIDE = 16
"""How many handlers run at the same time."""
FLUSH_S = 1.0


class _Results:
    """Keeps the result of each handler."""

    def __init__(self) -> None:
        self.found: dict[str, Result] = {}

    def observe(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, HandlerEnded):
            self.found[event.result.handler] = event.result


class Hurry:
    """
    What hurries a run beside the life of the process, from any thread: all below `must` is given up.

    What is asked before the run has begun reaches it when it begins.
    """

    def __init__(self) -> None:
        """Belong to one run, which may begin later."""
        self._lock = threading.Lock()
        self._reason = ""
        self._give_up: Callable[[str], object] = lambda _reason: None

    def __call__(self, reason: str) -> None:
        """Let what runs give way, for this *reason*."""
        with self._lock:
            self._reason = reason
            give_up = self._give_up
        give_up(reason)

    def reach(self, give_up: Callable[[str], object]) -> None:
        """Ask through *give_up* from now on, as the run has begun, and for what was asked already."""
        with self._lock:
            self._give_up = give_up
            reason = self._reason
        if reason:
            give_up(reason)


def carry_out(
    registry: Registry,
    clock: Clock,
    window: float,
    cause: str,
    observers: Iterable[Observer],
    hurry: Hurry | None = None,
) -> dict[str, Result]:
    """
    Run the handlers of *registry* to their end and return the result of each by name.

    Args:

        registry: The handlers; raises `PlanError` if something is wrong with their order.

        clock: The time.

        window: How long the whole may take, seconds.

        cause: Why this happens, as the handlers see it.

        observers: What is told of every event, on threads of their own.

        hurry: What may hurry it.
    """
    registry.arm()
    registry.prepare(Window.open(0.0, window))
    results, outlets = _Results(), Outlets(clock)
    for observer in (results, *observers):
        outlets.add(observer)
    run_id = f"{cause}-{os.urandom(6).hex()}"
    coordinator = Coordinator(registry, clock, outlets, Escalation(()), window, run_id, last_resorts=False)
    coordinator.executor.workers.prepare(SIDE_BY_SIDE)
    coordinator.start()
    coordinator.notify(Notice(cause, cause, clock.now()))
    if hurry is not None:
        hurry.reach(lambda reason: coordinator.report([Hurried(reason)]))
    coordinator.ended.wait()
    outlets.flush(clock.now() + FLUSH_S)
    coordinator.close(keep_pipe=False)
    return results.found
