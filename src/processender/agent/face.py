"""
The control face: /status and /metrics for whoever gets there, and, with a token, what changes something.

A token is known by its name, which is recorded with what it has asked for; its secret is found where the configuration
says, is compared in a time that tells nothing about it, and stands nowhere else.
"""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Callable, Mapping

from ..core.events import Trouble
from ..core.texts import counted
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..hints import Any
from .lines import Lines
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
        self._steering = steering = Steering(agent)
        self._clock = SystemClock()
        self._voice = Voice(Lines(as_json=agent.settings.json_lines, talkative=False))
        self._quiet_until = 0.0
        self._told = 0
        self._reads: dict[str, Callable[[], str]] = {
            "/status": lambda: json.dumps(steering.status()) + "\n",
            "/metrics": lambda: metrics(steering.status(), self.refused),
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


def metrics(status: Mapping[str, Any], refused: int) -> str:
    """Return *status* in the text format of Prometheus."""
    agent, command = status["agent"], status["command"]
    draining = status["state"] in {"draining", "drained"}
    rows = [
        ("command_running", "gauge", "Whether the command runs.", int(command["running"])),
        ("ready", "gauge", "Whether the command is to get traffic.", int(status["ready"])),
        ("draining", "gauge", "Whether traffic is being left, or is left.", int(draining)),
        ("ending", "gauge", "Whether the end has begun.", int(status["state"] in {"ending", "ended"})),
        ("uptime_seconds", "gauge", "How long the agent has been there.", agent["uptime_s"]),
        ("resident_memory_bytes", "gauge", "The memory of the agent.", agent["memory_bytes"]),
        ("joined", "gauge", "How many applications have joined.", len(status["joined"])),
        ("restarts_total", "counter", "How often the command was started again.", command["restarts"]),
        ("refused_requests_total", "counter", "Requests without a valid token.", refused),
    ]
    lines = []
    for name, kind, text, value in rows:
        lines += [
            f"# HELP processender_{name} {text}",
            f"# TYPE processender_{name} {kind}",
            f"processender_{name} {value}",
        ]
    lines += ["# HELP processender_signals_total Signals that have come.", "# TYPE processender_signals_total counter"]
    lines += [f'processender_signals_total{{signal="{name}"}} {count}' for name, count in status["signals"].items()]
    return "\n".join(lines) + "\n"
