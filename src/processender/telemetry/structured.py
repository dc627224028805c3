"""Events as records of `logging`, with attributes beside the text."""

from __future__ import annotations

import logging

from ..core.events import Event
from .wording import Wording


class LoggingObserver:
    """Hands events to `logging`, each with its attributes as those of the record: `extra` of the words."""

    def __init__(self, name: str) -> None:
        """Log under `processender.<name>`."""
        self._wording = Wording(name)
        self._logger = logging.getLogger(f"processender.{name}")

    def observe(self, event: Event) -> None:
        """Log one event."""
        level, text, told = self._wording.say(event)
        self._logger.log(level, "%s", text, extra=told)
