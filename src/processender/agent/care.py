"""What is done about a command that runs and is not well: it gives no sign of life, or a check of it fails."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..core.care import Check, Vigil
from ..demand import load
from ..hints import Any, Protocol
from .alarms import Alarms
from .command import Command
from .health import Health
from .settings import Settings


class Life(Protocol):
    """Whoever ends and starts the command."""

    @property
    def up(self) -> bool:
        """Whether the command runs and nobody has asked for its end."""

    def blame(self, cause: str, text: str) -> None:
        """Take note of why the command will be ended."""

    def restart(self, blame: str = "") -> None:
        """End it and start it anew."""

    def finish(self, cause: str) -> None:
        """Begin the end of all."""


class Care:
    """Looks after the command while it runs. Main thread only, unless it says otherwise."""

    def __init__(
        self,
        settings: Settings,
        command: Command,
        health: Health,
        alarms: Alarms,
        life: Life,
        ready: Callable[[], object],
    ) -> None:
        """Take everything up; *ready* is called once in each life, when the command is."""
        self._settings = settings
        self._command = command
        self._alarms = alarms
        self._life = life
        self._when_ready = ready
        self._checks: Any = None
        if settings.checks:
            self._checks = load("agent.checks").Checks(settings.checks, health, alarms, ready, self._ailing)
        self._vigils: Any = None

    def open(self, control: str) -> dict[str, str]:
        """Return what the command must be told; *control* is the path of the agent's socket, if it has one."""
        if not self._settings.vigils:
            return {}
        directory = os.path.dirname(control)
        output = None if self._command.pipes is None else self._command.pipes.output
        make = load("agent.vigil").Vigils
        self._vigils = make(
            self._settings.vigils,
            self._alarms,
            self._silent,
            directory,
            lambda: 0.0 if output is None else output.last_at,
        )
        variables: dict[str, str] = self._vigils.variables
        return variables

    def begin(self) -> None:
        """Begin with a new life of the command."""
        for each in (self._vigils, self._checks):
            if each is not None:
                each.begin()
        if self._checks is None or not self._checks.decides:
            self._when_ready()

    def end(self) -> None:
        """Leave it alone."""
        for each in (self._vigils, self._checks):
            if each is not None:
                each.end()

    def beat(self) -> None:
        """Take a sign of life; from any thread."""
        if self._vigils is not None:
            self._vigils.beat()

    def close(self) -> None:
        """Remove what was made."""
        if self._vigils is not None:
            self._vigils.close()

    def _ailing(self, check: Check, why: str) -> None:
        if not self._life.up:
            return
        text = f"the check {check.name!r} has failed: {why}"
        if check.on_failure == "restart":
            self._life.blame("check", text)
            self._life.restart("check")
        elif check.on_failure == "stop":
            self._life.blame("check", text)
            self._life.finish("check")
        else:
            self._life.blame("", text)

    def _silent(self, vigil: Vigil, text: str) -> None:
        """End a command that gives no sign of life, after it was asked where it stands."""
        if not self._life.up:
            return
        self._life.blame(vigil.cause, text)
        # The other vigils would only say the same again.
        self._vigils.end()
        pid = self._command.pid
        if vigil.stacks_signal:
            self._command.strike(vigil.stacks_signal)
            self._alarms.after(vigil.stacks_wait, lambda: self._kill(pid))
        else:
            self._kill(pid)

    def _kill(self, pid: int) -> None:
        # By now it may have ended, or another one may have been started.
        if self._life.up and self._command.pid == pid:
            self._command.kill()
