"""`processender status --watch`: how an agent is, again and again, until it has gone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping

from ..hints import Any
from ..live.course import waits_for
from ..live.frame import frame, sentence
from ..screen import Line, Screen, screen_of
from . import output
from .client import Call

IDLE_S, BUSY_S = 0.5, 0.2
"""How often it is asked: while nothing happens, and in a run."""
INTERRUPTED = 130
_ROWS = 24


def watch(call: Call, status_text: Callable[[Mapping[str, Any]], str], *, as_json: bool) -> int:
    """
    Show the agent behind *call* until it has gone, nobody reads any more, or the user has seen enough.

    Args:

        call: The connection to it.

        status_text: Makes text of a status.

        as_json: Whether each change is told as a line of JSON.
    """
    screen = screen_of(sys.stdout, os.environ)
    shown = _Json() if as_json else _Terminal(screen) if _is_terminal() else _Plain()
    try:
        while True:
            try:
                status = call.ask({"do": "status", "run": True})
            except (OSError, ValueError):
                break
            if "error" in status or not shown.show(status, status_text):
                return 0
            if call.hangs_up(BUSY_S if status.get("state") not in {"running", "drained"} else IDLE_S):
                break
    except KeyboardInterrupt:
        return INTERRUPTED
    shown.gone()
    return 0


def _is_terminal() -> bool:
    try:
        return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    except (AttributeError, ValueError):
        return False


class _Json:
    """One line for each change."""

    def __init__(self) -> None:
        self._last: object = None

    def show(self, status: dict[str, Any], _text: Callable[[Mapping[str, Any]], str]) -> bool:
        """Tell of *status* if something has changed; return whether somebody reads it."""
        sign = _sign(status)
        if sign == self._last:
            return True
        self._last = sign
        return output.say(json.dumps({"schema": 1, **status}))

    def gone(self) -> None:
        """Say nothing: the end of the lines says it."""


class _Plain:
    """A line for each change, for a pipe or a terminal that cannot be steered."""

    def __init__(self) -> None:
        self._last: object = None

    def show(self, status: dict[str, Any], text: Callable[[Mapping[str, Any]], str]) -> bool:
        """Tell of *status* if something has changed; return whether somebody reads it."""
        sign = _sign(status)
        first, self._last, changed = self._last is None, sign, sign != self._last
        if not changed:
            return True
        if first:
            return output.say(text(status))
        run = status.get("run")
        told = sentence(run, status["now"]) if run else status["state"]
        return output.say(f"{status['service']}: {told}")

    def gone(self) -> None:
        """Say so."""
        output.say("the agent has gone")


class _Terminal:
    """A picture that takes the place of the one before."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._height = 0

    def show(self, status: dict[str, Any], text: Callable[[Mapping[str, Any]], str]) -> bool:
        """Draw *status*; return whether somebody sees it."""
        try:
            width, rows = os.get_terminal_size(sys.stdout.fileno())
        except (OSError, ValueError):
            width, rows = self._screen.width, _ROWS
        screen = self._screen.replace(width=min(width - 1, self._screen.width))
        lines: list[Line] = [((screen.cut(each, screen.width), ""),) for each in text(status).splitlines()]
        run = status.get("run")
        if run:
            lines = [*lines[:1], (("", ""),), *frame(run, status["now"], screen, max(rows - 4, 1))]
        return self._draw(lines[: max(rows - 1, 1)], screen)

    def _draw(self, lines: list[Line], screen: Screen) -> bool:
        back = f"\x1b[{self._height}A\x1b[J" if self._height else ""
        self._height = len(lines)
        return output.steer(back) and output.say_lines(lines, screen)

    def gone(self) -> None:
        """Leave the last picture, and say so."""
        output.say("the agent has gone")


def _sign(status: Mapping[str, Any]) -> object:
    """Return what tells a status from another; times alone do not."""
    run = status.get("run", {})
    states = [(name, row["state"], row.get("attempt")) for name, row in run.get("handlers", {}).items()]
    return status["state"], status["ready"], status["command"]["running"], states, waits_for(run)
