"""
What somebody outside can make the agent do: each deed with who asked for it, whether by the socket or by HTTP.

All of it happens on the main thread; `soon` brings it there from any other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from .. import __version__
from ..core.notice import Action, Notice
from ..core.spans import LONGEST_S
from ..errors import ProcessEnderError
from ..hints import Any
from . import kernel
from .steered import Steered

ORIGIN = "control"
"""Where notices come from that somebody has asked for."""
_LONGEST_REASON = 200


class Steering:
    """Steers one agent."""

    def __init__(self, agent: Steered) -> None:
        """Take the *agent*."""
        self._agent = agent

    def soon(self, function: Callable[[], object]) -> None:
        """Let the main thread call *function* as soon as it can."""
        self._agent.alarms.soon(function)

    # What follows is for the main thread alone.

    def stop(self, sender: str, reason: object = "", within: object = None) -> dict[str, Any]:
        """Begin the end for *sender*, because of *reason*; everything must be gone *within* so many seconds."""
        self._agent.end(wish_to_end(sender, reason, within, self._agent.clock.now()))
        return {"stop": True}

    def drain(self, sender: str) -> dict[str, Any]:
        """Leave traffic and wait there."""
        if self.state() not in {"running", "restarting", "draining", "drained"}:
            raise ProcessEnderError("cannot drain: the end is under way; wait for it")
        self._agent.armed().take(self._notice("drain", sender, Action.DRAIN))
        return {"drain": True}

    def resume(self, sender: str) -> dict[str, Any]:
        """Come back from a drain, or from an end that has not gone beyond it."""
        engine = self._agent.engine
        if engine is None or not engine.withdrawable:
            why = "nothing is drained" if self.state() == "running" else "the end has gone beyond the drain"
            raise ProcessEnderError(f"cannot resume: {why}; see `processender status`")
        engine.take(self._notice("resume", sender, Action.RESUME))
        return {"resume": True}

    def signal(self, wanted: object, sender: str) -> dict[str, Any]:
        """Send the command the signal *wanted*, a name or a number."""
        try:
            number = kernel.number_of(str(wanted))
        except ValueError as error:
            raise ProcessEnderError(f"cannot send it: {error}") from error
        if not self._agent.command.send(number):
            why = "this user may not signal the command" if self._agent.command.running else "the command does not run"
            raise ProcessEnderError(f"cannot send it: {why}; see `processender status`")
        name = kernel.name_of(number)
        self._agent.note(self._notice(name, sender, Action.ADVISE))
        return {"signal": name}

    def reload(self, sender: str) -> dict[str, Any]:
        """Read the configuration again, and take over what can change while the command runs."""
        problems, later = self._agent.reload(sender)
        if problems:
            return {
                "error": "cannot reload: the configuration has mistakes, and the old one stays",
                "problems": problems,
            }
        return {"reload": True, "later": later}

    def restart(self, sender: str) -> dict[str, Any]:
        """End the command, not the agent, and start it again."""
        self._agent.make_again().restart()
        self._agent.armed().take(self._notice("restart", sender, Action.ADVISE))
        return {"restart": True}

    def state(self) -> str:
        """Return in a word where the agent is."""
        agent = self._agent
        if agent.engine is not None and agent.engine.state:
            return str(agent.engine.state)
        if agent.again is not None and agent.again.state not in {"up", "over"}:
            return "restarting"
        return "running" if agent.command.running else "ended"

    def status(self) -> dict[str, Any]:
        """Return how the agent and its command are, as data; no secrets, so no arguments of the command."""
        agent = self._agent
        command = agent.command
        return {
            "state": self.state(),
            "service": agent.name,
            "ready": agent.health.ready,
            "agent": this_process(agent.since, agent.clock.now()),
            "command": {
                "program": command.argv[0],
                "pid": command.pid,
                "running": command.running,
                "status": command.status,
                "restarts": 0 if agent.again is None else agent.again.restarts,
            },
            "grace_s": agent.settings.grace,
            "config": agent.settings.file,
            "profile": agent.settings.profile,
            "signals": {kernel.name_of(number): count for number, count in sorted(dict(agent.heard).items())},
            "asked": in_words(agent.notices()),
            "sources": agent.seen,
            "joined": agent.joined.names() if agent.joined is not None else [],
        }

    def watched(self) -> dict[str, Any]:
        """Return the status, and the course of the run that is on, or was."""
        return with_run(self.status(), self._agent.engine, self._agent.clock.now())

    def _notice(self, cause: str, sender: str, action: Action) -> Notice:
        return Notice(cause, ORIGIN, self._agent.clock.now(), action, sender=sender)


def wish_to_end(sender: str, reason: object, within: object, now: float) -> Notice:
    """Return the notice of *sender*, who wants the end; raise `ProcessEnderError` for what makes no sense."""
    if not isinstance(reason, str) or len(reason) > _LONGEST_REASON or not (reason.isprintable() or not reason):
        raise ProcessEnderError(f"cannot stop: the reason must be at most {_LONGEST_REASON} letters; shorten it")
    deadline = None
    if within is not None:
        if isinstance(within, bool) or not isinstance(within, int | float) or not 0 < within <= LONGEST_S:
            raise ProcessEnderError("cannot stop: `within` must be seconds above 0, and at most a week")
        deadline = now + within
    return Notice(reason or "stop", ORIGIN, now, Action.STOP, deadline, sender=sender)


def with_run(status: dict[str, Any], engine: Any, now: float) -> dict[str, Any]:
    """Return *status* with the course of the run of *engine*, None for none, and what time it is *now* on its clock."""
    return {**status, "now": now, "run": {} if engine is None else engine.course()}


def this_process(since: float, now: float) -> dict[str, Any]:
    """Return what a status tells of this process, which has been there *since*."""
    return {
        "pid": os.getpid(),
        "version": __version__,
        "uptime_s": round(now - since, 3),
        "memory_bytes": _memory(),
    }


def in_words(notices: Sequence[Notice]) -> list[str]:
    """Return what was asked for, and by whom."""
    return [f"{each.cause} by {each.who}" for each in notices]


def _memory() -> int:
    """Return how much memory this process holds, bytes; 0 where /proc does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
