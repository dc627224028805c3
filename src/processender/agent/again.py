"""The command ended and started again, while the agent and its plan go on."""

from __future__ import annotations

import threading

from ..core.notice import Action, Notice
from ..errors import StateError
from ..hints import TYPE_CHECKING
from .errors import CommandNotStarted
from .ladder import CommandKilled, Ladder
from .steered import Steered

if TYPE_CHECKING:
    from collections.abc import Callable

_MAY = frozenset({"", "drained"})
"""Where an end may be, while the command is started again: nowhere."""


class Again:
    """Starts the command of one agent again."""

    def __init__(self, agent: Steered) -> None:
        """Take the *agent*."""
        self.busy = False
        """Whether the command is being ended in order to be started again."""
        self.count = 0
        """How often it was started again."""
        self._agent = agent

    def begin(self, sender: str) -> None:
        """End the command on a thread of its own and then start it again; main thread only."""
        agent = self._agent
        engine = agent.armed()
        if self.busy or engine.state not in _MAY or not agent.command.running:
            why = "it is under way already" if self.busy else "the end is under way, or the command does not run"
            raise StateError(f"cannot restart: {why}; see `processender status`")
        engine.take(Notice("restart", "control", agent.clock.now(), Action.ADVISE, sender=sender))
        self.busy = True
        threading.Thread(target=self._end, args=(engine.seconds,), name="processender-restart", daemon=True).start()

    def _end(self, seconds: float) -> None:
        agent = self._agent
        settings = agent.settings
        ladder = Ladder(
            agent.command, settings.steps, agent.engine.ender.tell, wait_tree=settings.wait_tree, for_good=False
        )
        try:
            ladder.stop(_Patience(agent.clock.now, seconds))
        except CommandKilled as error:
            # Its words are those of a plan; here it is only told.
            text = f"before the restart: {error}"
            agent.alarms.soon(lambda: agent.engine.tell("restart", text))
        finally:
            if agent.command.gone:
                ladder.close()
            agent.alarms.soon(self._start)

    def _start(self) -> None:
        """Start it again, unless its end has begun meanwhile; main thread."""
        agent = self._agent
        self.busy = False
        if agent.engine.state not in _MAY or not agent.command.gone:
            return
        try:
            started = agent.command.start(agent.engine.budget)
        except CommandNotStarted as error:
            agent.engine.tell("restart", str(error))
            agent.command.status = error.exit
            return
        self.count += started
        if agent.joined is not None:
            agent.joined.forget()
        agent.health.running = agent.command.running


class _Patience:
    """How long a ladder may take, in the form that handlers know."""

    handler = "restart"
    cause = "restart"
    attempt = 1
    idempotency_key = "restart"
    log = None

    def __init__(self, now: Callable[[], float], seconds: float) -> None:
        self._now = now
        self._until = now() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left."""
        return max(0.0, self._until - self._now())

    def on_cancel(self, function: Callable[[], object]) -> None:
        """Nobody cuts it short: the command was asked to end, whatever comes next."""

    def call(self, dependency: str, function: Callable[[], object], timeout: float | None = None) -> object:
        """Call *function*: a ladder has no dependencies."""
        del dependency, timeout
        return function()
