"""
The control face: /status and /metrics for whoever gets there, and, with a token, what changes something.

A token is known by its name, which is recorded with what it has asked for; its secret is found where the configuration
says, is compared in a time that tells nothing about it, and stands nowhere else.
"""

from __future__ import annotations

import hmac
import json
import os
import threading
from collections.abc import Callable, Mapping

from ..core.events import Trouble
from ..core.texts import counted
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..hints import Any
from .lines import Lines
from .scraped import Scraped
from .steered import Steered
from .steering import Steering
from .voice import Voice

Answer = tuple[int, str, str]

ANSWER_S = 2.0
"""How long the main thread may take before the answer is that it will do it."""
QUIET_S = 10.0
"""After a wrong token is told, how long the next ones are only counted."""
_PATHS = "there is /status, /metrics, and by POST /drain, /resume and /stop\n"


class ControlFace:
    """What stands at the paths of the control face."""

    def __init__(self, agent: Steered) -> None:
        """Take the *agent* that it steers."""
        self.refused = 0
        """How many requests came with a wrong token, or with none."""
        self._agent = agent
        scraped = Scraped(agent.name, os.environ)
        self._steering = steering = Steering(agent)
        self._clock = SystemClock()
        self._voice = Voice(Lines(as_json=agent.settings.json_lines, talkative=False))
        self._quiet_until = 0.0
        self._told = 0
        self._reads: dict[str, Callable[[], str]] = {
            "/status": lambda: json.dumps(steering.status()) + "\n",
            "/metrics": lambda: scraped.text(steering.status(), self.refused),
        }
        self._deeds: dict[str, Callable[[str], dict[str, Any]]] = {
            "/drain": steering.drain,
            "/resume": steering.resume,
            "/stop": steering.stop,
        }

    def respond(self, method: str, path: str, fields: Mapping[bytes, bytes]) -> Answer:
        """Return the status and the text for a request, and the methods that are allowed."""
        if path in self._reads:
            if method not in {"GET", "HEAD"}:
                return 405, "only GET and HEAD\n", "GET, HEAD"
            return 200, self._reads[path](), ""
        if path not in self._deeds:
            return 404, _PATHS, ""
        if method != "POST":
            return 405, "only POST\n", "POST"
        name = self._name_of(fields.get(b"authorization", b""))
        if not name:
            self._refuse(path)
            return 401, "a token is needed: Authorization: Bearer TOKEN\n", ""
        return self._carry_out(path, f"token {name}")

    def _name_of(self, authorization: bytes) -> str:
        """Return the name of the token in the header field, an empty text if it is none of ours."""
        scheme, _, given = authorization.partition(b" ")
        found = ""
        # All are compared, each to its end: the time tells neither how much was right nor whose it nearly was.
        for name, secret in self._agent.settings.control_tokens.items():
            if hmac.compare_digest(given.strip(), secret.encode()) and scheme.lower() == b"bearer":
                found = name
        return found

    def _refuse(self, path: str) -> None:
        self.refused += 1
        now = self._clock.now()
        if now < self._quiet_until:
            return
        count, self._told, self._quiet_until = self.refused - self._told, self.refused, now + QUIET_S
        text = f"refused {counted(count, 'request')} without a valid token, the last one for {path}"
        self._voice.observe(Trouble(now, "wrong-token", text))

    def _carry_out(self, path: str, sender: str) -> Answer:
        done = threading.Event()
        answers: list[Answer] = []

        def do() -> None:
            try:
                answers.append((200, json.dumps(self._deeds[path](sender)) + "\n", ""))
            except ProcessEnderError as error:
                answers.append((409, f"{error}\n", ""))
            done.set()

        self._steering.soon(do)
        done.wait(ANSWER_S)
        return answers[0] if answers else (202, "it will be done\n", "")
