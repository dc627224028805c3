"""
A double of a sandbox of AWS Lambda: the Extensions API, and how it ends the processes in it.

Bodies and statuses are those of AWS's own code (the runtime interface emulator), and so is the order of the end.
Without any extension the function is killed at once. With one, it gets SIGTERM and 30 % of the time; then external
extensions that have subscribed get `SHUTDOWN` and have until the deadline, all others are killed. Whoever has ended
early leaves the rest of its time to the others.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from ..engine.clock import SystemClock
from .served import Asked, Served, Told

SHARE = 0.3
"""The part of the time that the function has, where there are external extensions."""
EXTERNAL_S = 2.0
"""How long all of it takes with external extensions, seconds."""
INTERNAL_S = 0.5
"""How long the function has with internal extensions only, seconds."""
MOST = 10
"""How many extensions there may be."""
_BEFORE = "/2020-01-01/extension/"
_LOOK_S = 0.002


class _Agent:
    """One extension."""

    def __init__(self, name: str, events: Sequence[str], *, external: bool) -> None:
        self.id = str(uuid.uuid4())
        self.name = name
        self.events = tuple(events)
        self.external = external
        self.ready = False
        self.waiting: list[bytes] = []


class Extensions(Served):
    """The Extensions API of one sandbox."""

    def __init__(self, external: Sequence[str] = (), function: str = "orders") -> None:
        """Know the names of the files in /opt/extensions, and that of the *function*."""
        super().__init__()
        self.agents: dict[str, _Agent] = {}
        """The extensions that have registered, by their identifiers."""
        self.errors: list[str] = []
        """The types of the errors that extensions have told."""
        self.closed = False
        """Whether nobody can register any more: the sandbox has started."""
        self._external = tuple(external)
        self._function = function
        self._news = threading.Condition(self.lock)

    @property
    def address(self) -> str:
        """What AWS_LAMBDA_RUNTIME_API says."""
        return self.url.removeprefix("http://")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Serve no more; requests that wait are answered."""
        self._over.set()
        with self.lock:
            self._news.notify_all()
        super().__exit__(kind, error, trace)

    def names(self, *, ready: bool = False) -> list[str]:
        """Return the names of the extensions that have registered, or of those that have also asked for an event."""
        with self.lock:
            return [agent.name for agent in self.agents.values() if agent.ready or not ready]

    def invoke(self, id_: str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd", *, seconds: float = 3.0) -> None:
        """Tell the extensions that have subscribed to it of a request."""
        body = {"eventType": "INVOKE", "deadlineMs": self._deadline(seconds), "requestId": id_}
        arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{self._function}"
        self._send("INVOKE", body | {"invokedFunctionArn": arn})

    def shutdown(self, reason: str = "spindown", *, seconds: float = EXTERNAL_S) -> None:
        """Tell the external extensions that have subscribed to it of the end."""
        body = {"eventType": "SHUTDOWN", "deadlineMs": self._deadline(seconds), "shutdownReason": reason}
        self._send("SHUTDOWN", body)

    def say(self, body: bytes) -> None:
        """Answer whoever waits with these bytes, whatever they mean."""
        with self.lock:
            for agent in self.agents.values():
                agent.waiting.append(body)
            self._news.notify_all()

    def _deadline(self, seconds: float) -> int:
        return int((SystemClock().wall() + seconds) * 1000)

    def _send(self, event: str, body: Mapping[str, object]) -> None:
        with self.lock:
            for agent in self.agents.values():
                if event in agent.events:
                    agent.waiting.append(_json(body))
            self._news.notify_all()

    def answer(self, asked: Asked) -> Told:
        """Answer as the API does."""
        match (asked.method, asked.path.removeprefix(_BEFORE)):
            case ("POST", "register"):
                return self._register(asked)
            case ("GET", "event/next") | ("POST", "init/error" | "exit/error"):
                return self._of_agent(asked)
        return Told(404, b"404 page not found\n")

    def _register(self, asked: Asked) -> Told:
        name = asked.headers.get("lambda-extension-name", "")
        if not name:
            return _refused("Extension.InvalidExtensionName", "Empty extension name")
        try:
            events = list(json.loads(asked.body)["events"] or ())
        except (ValueError, KeyError, TypeError) as error:
            return _refused("InvalidRequestFormat", str(error))
        agent = _Agent(name, events, external=name in self._external)
        refused = self._refuse(agent)
        if refused is not None:
            return refused
        self.agents[agent.id] = agent
        body = {"functionName": self._function, "functionVersion": "$LATEST", "handler": "app.handler"}
        return Told(200, _json(body), (("Lambda-Extension-Identifier", agent.id), ("Content-Type", "application/json")))

    def _refuse(self, agent: _Agent) -> Told | None:
        for event in agent.events:
            if event not in {"INVOKE", "SHUTDOWN"}:
                return _refused("Extension.InvalidEventType", f"{event}: ErrorInvalidEventType")
            if event == "SHUTDOWN" and not agent.external:
                why = "ShutdownEventNotSupportedForInternalExtension"
                return _refused("Extension.InvalidEventType", f"{event}: {why}")
        if self.closed:
            return _refused("Extension.RegistrationClosed", "Extension registration closed already")
        if agent.name in (other.name for other in self.agents.values()):
            return _refused("Extension.InvalidExtensionState", "Extension with this name already registered")
        if len(self.agents) >= MOST:
            return _refused("Extension.TooManyExtensions", f"Extension limit ({MOST}) reached")
        return None

    def _of_agent(self, asked: Asked) -> Told:
        identifier = asked.headers.get("lambda-extension-identifier", "")
        if not identifier:
            return _refused("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        agent = self.agents.get(identifier)
        if agent is None:
            return _refused("Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")
        if asked.path.endswith("/error"):
            kind = asked.headers.get("lambda-extension-function-error-type", "")
            if not kind:
                text = "Lambda-Extension-Function-Error-Type not found"
                return _refused("Extension.MissingHeader", text)
            self.errors.append(kind)
            return Told(202, _json({"status": "OK"}), (("Content-Type", "application/json"),))
        agent.ready = True
        # It is held until there is something, for as long as that takes.
        self._news.wait_for(lambda: agent.waiting or self._over.is_set())
        return Told(200, agent.waiting.pop(0)) if agent.waiting else Told(500)


class Ended(NamedTuple):
    """How a process of the sandbox has ended."""

    killed: bool
    """Whether its time was over."""
    seconds: float
    """How long it has lived from when it was told, or could have been."""
    status: int
    """Its status."""


class Sandbox:
    """A function and its external extensions as real processes; leaving the block kills what is left."""

    def __init__(self, function: Sequence[str], extensions: Mapping[str, Sequence[str]] | None = None,
                 env: Mapping[str, str] | None = None) -> None:  # fmt: skip
        """Take the command of the *function*, those of the *extensions* by their file names, and more variables."""
        self.api = Extensions(tuple(extensions or ()))
        """The API that they talk to."""
        self._commands = {"function": function, **(extensions or {})}
        self._env = dict(env or {})
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        """The processes, by name."""
        self._clock = SystemClock()

    def __enter__(self) -> Self:
        """Start all of them: extensions first, as Lambda does."""
        self.api.__enter__()
        env = {**os.environ, "AWS_LAMBDA_RUNTIME_API": self.api.address, **self._env}
        for name, command in sorted(self._commands.items(), key=lambda each: each[0] == "function"):
            # An extension is not told what the function's handler is.
            own = {"_HANDLER": "app.handler"} if name == "function" else {}
            self.processes[name] = subprocess.Popen(command, env={**env, **own})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what is left."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.api.__exit__(kind, error, trace)

    def end(self, reason: str = "spindown", *, seconds: float | None = None) -> dict[str, Ended]:
        """End them as Lambda does, within so many *seconds* or its usual time; return how each has ended."""
        self.api.closed = True
        agents = list(self.api.agents.values())
        external = [agent for agent in agents if agent.external]
        total = seconds if seconds is not None else (EXTERNAL_S if external else INTERNAL_S)
        began = self._clock.now()
        function = self.processes["function"]
        if agents:
            function.send_signal(signal.SIGTERM)
        share = (SHARE if external else 1.0) * total if agents else 0.0
        ended = {"function": self._await("function", began, began + share)}
        subscribed = {agent.name for agent in external if "SHUTDOWN" in agent.events}
        self.api.shutdown(reason, seconds=total - (self._clock.now() - began))
        told = self._clock.now()
        for name in self._commands.keys() - {"function"}:
            ended[name] = self._await(name, told, began + total if name in subscribed else told)
        return ended

    def _await(self, name: str, told: float, until: float) -> Ended:
        process = self.processes[name]
        try:
            process.wait(max(0.0, until - self._clock.now()))
            killed = False
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed = True
        return Ended(killed, self._clock.now() - told, process.returncode)


def _json(body: Mapping[str, object]) -> bytes:
    """Return *body* as Go writes it."""
    return json.dumps(body, separators=(",", ":")).encode()


def _refused(kind: str, text: str) -> Told:
    return Told(403, _json({"errorMessage": text, "errorType": kind}), (("Content-Type", "application/json"),))
