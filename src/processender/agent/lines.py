"""What the agent tells on standard error, as text or as lines of JSON."""

from __future__ import annotations

from ..core.events import Event, NoticeHeard
from ..core.notice import Action, Notice
from ..core.rendering import DEBUG, INFO, WARNING, render
from ..core.written import as_text
from ..demand import load
from ..engine.clock import SystemClock
from ..hints import Any
from ..telemetry.logs import write_line

_NAMES = {DEBUG: "debug", INFO: "info", WARNING: "warning"}
STDERR = 2


class Lines:
    """
    An observer that writes lines to a descriptor.

    A command that ends by itself is nothing to talk about, so up to the first notice that somebody else gives only
    what went wrong is told. It has a thread of its own: a full pipe holds up nothing.
    """

    def __init__(self, *, as_json: bool, talkative: bool, verbosity: int = 0, descriptor: int = STDERR) -> None:
        """
        Write nothing yet.

        Args:

            as_json: Whether each line is a JSON object with `time` (seconds since 1970), `at` (seconds on the monotonic
                clock), `level`, `key`, `text`, and the attributes of the event in the words of the vocabulary.

            talkative: Whether to tell of every run.

            verbosity: 1 to tell everything, -1 to tell only what goes wrong.

            descriptor: Where to write.
        """
        self._wording: Any = load("core.wording").Wording() if as_json else None
        self._clock = SystemClock()
        self._fixed = bool(verbosity)
        self._least = {1: DEBUG, -1: WARNING}.get(verbosity, INFO if talkative else WARNING)
        self._descriptor = descriptor

    def observe(self, event: Event) -> None:
        """Write one event."""
        if not self._fixed and isinstance(event, NoticeHeard) and _asks(event.notice):
            self._least = INFO
        # What is not told is taken note of all the same: what follows speaks of it.
        line = None if self._wording is None else self._line(event)
        level, _, text = render(event)
        if level >= self._least:
            write_line(self._descriptor, f"processender: {text}" if line is None else as_text(line))

    def _line(self, event: Event) -> dict[str, Any]:
        level, text, told = self._wording.say(event)
        date = self._clock.wall() - self._clock.now() + event.at
        about = {"time": round(date, 6), "at": event.at, "level": _NAMES.get(level, "error")}
        return {**about, "key": told["event.name"].removeprefix("processender."), "text": text, **told}


def _asks(notice: Notice) -> bool:
    """Tell whether somebody wants the end, or a drain: then every step is told."""
    return notice.origin != "api" and notice.action is not Action.ADVISE
