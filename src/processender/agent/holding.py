"""
What can be asked of a sidecar: how it is, an end, and the end for which a hook is held until the drain is done.

Nothing of it waits for the main thread: a status is only read, and whoever hears a notice may be told by any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from ..core.graph import nearest
from ..core.notice import Notice
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..hints import Any
from .engine import Engine
from .line import Caller, Reply
from .meeting import PRE_STOP
from .steering import wish_to_end, with_run

VERBS = ("status", "stop", PRE_STOP)
"""What can be asked."""


class Holding:
    """Answers those who ask, and counts those who are held."""

    def __init__(self, engine: Engine, status: Callable[[], dict[str, Any]]) -> None:
        """Take the *engine* that hears of the end, and what tells the *status*."""
        self.held = 0
        """How many wait for the end, or for their answer."""
        self.hooked = False
        """Whether a hook has asked."""
        self._engine = engine
        self._status = status
        self._clock = SystemClock()
        self._lock = threading.Lock()

    def take(self, request: Mapping[str, Any], caller: Caller, reply: Reply) -> None:
        """Do what *request* asks for; *reply* what came of it, to `pre-stop` when the drain is done."""
        verb = request.get("do")
        if verb == "status":
            told = self._status()
            reply(with_run(told, self._engine, self._clock.now()) if request.get("run") else told)
        elif verb == "stop":
            now, reason, within = self._clock.now(), request.get("reason", ""), request.get("within")
            self._engine.take(wish_to_end(caller.sender, reason, within, now))
            reply({"stop": True})
        elif verb == PRE_STOP:
            self._hold(caller, reply)
        else:
            near = nearest(verb, VERBS) if isinstance(verb, str) else ""
            raise ProcessEnderError(f"cannot do {verb!r}{near}; a sidecar does {', '.join(VERBS)}")

    def lost(self, caller: Caller) -> None:  # noqa: ARG002 - each counts the same
        """Take note that somebody who was held has gone."""
        with self._lock:
            self.held -= 1

    def _hold(self, caller: Caller, reply: Reply) -> None:
        with self._lock:
            # Until it has gone with its answer, the sidecar stays.
            self.held += not caller.kept
            caller.kept = self.hooked = True
        if not self._engine.ender.stopping.is_set():
            self._engine.take(Notice(PRE_STOP, PRE_STOP, self._clock.now(), sender=caller.sender))
        threading.Thread(target=self._answer, args=(reply,), name="processender-pre-stop", daemon=True).start()

    def _answer(self, reply: Reply) -> None:
        self._engine.ender.ending().wait()
        reply({"done": PRE_STOP, "verdict": str(self._engine.verdict or "forced")})
