"""What the agent does when its command is gone: the rest of the output, the account of a crash, the last words."""

from __future__ import annotations

from ..demand import load
from .ending import Ending, ending_of
from .errors import ShortError
from .steered import Steered

SHORT = (OSError, RuntimeError, ShortError)
"""What is raised when a thread or a descriptor is missing: the command and its code count for more."""
_LAST_WORDS_S = 0.5


class Epilogue(Steered):
    """The half of an agent that follows the end."""

    def _follow_up(self) -> Ending:
        """Do all that follows, as far as that can be done, and return how to go."""
        try:
            self._finish_output()
            if self._tracker is not None:
                self._tracker.tidy()
            self._see_to_crash()
            if self._unit is not None:
                self._unit.leave()
        except SHORT as error:
            load("agent.voice").tell(self._settings, "end", f"cannot do all that follows the end: {error}")
        return self._ending()

    def _finish_output(self) -> None:
        if self._command.pipes is not None:
            until = None if self._engine is None else self._engine.kill_at
            left = self._settings.grace if until is None else until - self._clock.now()
            self._command.pipes.finish(max(_LAST_WORDS_S, left))

    def _see_to_crash(self) -> None:
        if self._asked and self._engine is None:
            # It was asked to end by the main thread alone, and died of that.
            return
        seen, blamed, restarts = (False, "", 0) if self.again is None else self.again.last
        if not seen and (blamed or (self._command.status and self.armed().crashed())):
            if self._unit is not None:
                self._unit.aftermath(self._settings.crash_grace)
            self.armed().after_crash(blamed, restarts)

    def _ending(self) -> Ending:
        if self.again is not None and self.again.code is not None:
            return Ending(self.again.code)
        heard = 0 if self._engine is None else self._engine.signum
        clean = self._engine is None or str(self._engine.verdict) == "clean"
        return ending_of(self._command.status, heard, self._settings, clean=clean)
