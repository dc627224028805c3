"""The standard streams of the command that are pipes of the agent's: its input, its output, or both."""

from __future__ import annotations

from collections.abc import Callable

from ..demand import load
from ..hints import Any
from .output import Output
from .settings import Settings
from .stdin import Stdin


class Pipes:
    """What the command is started with, made anew for each start."""

    def __init__(self, settings: Settings, trouble: Callable[[str, str], object], *, watch: bool = False) -> None:
        """
        Take what the command is to be started with.

        Args:

            settings: What was decided.

            trouble: Who is told (a code and a text) of what goes wrong while the command runs.

            watch: Whether its output is read, and passed on as it is, although nobody asked for its lines.
        """
        self._settings = settings
        style = settings.output.replace(as_json=settings.json_lines, raw=not settings.capture)
        self.stdin = Stdin() if settings.feeds else None
        """Its input, where a step closes it."""
        self.output = Output(style, trouble) if settings.capture or watch else None
        """Its output, where the agent reads it."""

    def open(self) -> list[tuple[Any, ...]]:
        """Return what `os.posix_spawn` must do for the next start."""
        return [action for part in (self.stdin, self.output) if part is not None for action in part.open()]

    def settle(self) -> None:
        """Give up, after the start, what is the command's."""
        for part in (self.stdin, self.output):
            if part is not None:
                part.settle()

    def close_stdin(self) -> bool:
        """Close the command's input; tell whether it is ours to close."""
        if self.stdin is None:
            return False
        self.stdin.close()
        return True

    def finish(self, seconds: float) -> None:
        """Pass on what is left of the output, in at most *seconds*, and say what is lost."""
        lost = "" if self.output is None else self.output.finish(seconds)
        if lost:
            load("agent.voice").tell(self._settings, "output", lost)
