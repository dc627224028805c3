"""What a backend is told of each event: its text, and its attributes in the words of the vocabulary."""

from __future__ import annotations

from ..hints import Any
from . import vocabulary as words
from .attributes import attributes
from .events import Event, PlanChanged, RunEnded, RunStarted
from .plan import Plan
from .rendering import render


class Wording:
    """
    Says of each event what a backend is told: one for each backend, since it remembers the run that is on.

    So every line of a run has its id, and every line of a handler its phase and importance.
    """

    def __init__(self, service: str = "") -> None:
        """Say of everything that it is of this *service*."""
        self._always = {words.SERVICE: service} if service else {}
        self._of_run = self._always
        self._of_handlers: dict[str, dict[str, str]] = {}

    def say(self, event: Event) -> tuple[int, str, dict[str, Any]]:
        """Return the level of *event*, its text, and its attributes, with its name among them."""
        if isinstance(event, RunStarted):
            self._of_run = {**self._always, words.RUN_ID: event.run}
            self._take(event.plan)
        elif isinstance(event, PlanChanged):
            self._take(event.plan)
        level, key, text = render(event)
        told = {words.EVENT: words.event_name(key), **self._of_run, **attributes(event)}
        about = self._of_handlers.get(told.get(words.HANDLER, ""))
        if about is not None:
            told.update(about)
        if isinstance(event, RunEnded):
            self._of_run = self._always
        return level, text, told

    def _take(self, plan: Plan) -> None:
        for step in plan.steps:
            importance = str(step.importance)
            about = {words.HANDLER_PHASE: step.phase, words.HANDLER_IMPORTANCE: importance}
            self._of_handlers[step.handler] = about
