"""Events as records of `logging`, with attributes beside the text."""

from __future__ import annotations

import logging

from ..core.events import Event
from ..core.wording import Wording


class LoggingObserver:
    """Hands events to `logging`; the attributes of an event are those of its record, as `extra` would give them."""

    def __init__(self, name: str) -> None:
        """Log under `processender.<name>`."""
        self._wording = Wording(name)
        self._logger = logging.getLogger(f"processender.{name}")

    def observe(self, event: Event) -> None:
        """Log one event."""
        level, text, told = self._wording.say(event)
        logger = self._logger
        if logger.isEnabledFor(level):
            if not text.isascii():
                # Half a sign, of a file's name for one, is none that a stream in UTF-8 takes.
                text = text.encode("utf-8", "backslashreplace").decode()
            # Not `log`: it would look through the stack for a caller, who is always this one.
            record = logger.makeRecord(logger.name, level, __file__, 0, text, (), None, "observe")
            vars(record).update(told)
            logger.handle(record)
