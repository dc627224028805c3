"""What a Prometheus scrapes: how the agent is, and the figures of its service, from this life and all before it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ..demand import load
from ..engine.clock import SystemClock
from ..hints import Any
from ..telemetry.state import file_name, state_root


class Scraped:
    """The text of /metrics; the figures of the service are loaded when somebody asks for the first time."""

    def __init__(self, service: str, environ: Mapping[str, str]) -> None:
        """Take the name of the *service*, and where the environment says that its state is kept."""
        self._place = os.path.join(state_root(environ), file_name(service))
        self._service = service
        self._clock = SystemClock()
        self._measuring: Any = None

    def text(self, status: Mapping[str, Any], refused: int) -> str:
        """Return the answer, of an agent whose *status* this is, and which has *refused* so many requests."""
        if self._measuring is None:
            self._measuring = load("measuring").Measuring(self._place, self._service)
        figures: str = load("accounts.exposition").exposition(self._measuring.tally(self._clock.wall()))
        return _of_agent({**status, "refused": refused}) + figures


Status = Mapping[str, Any]
AGENT: tuple[tuple[str, str, str, Callable[[Status], float]], ...] = (
    ("command_running", "gauge", "Whether the command runs.", lambda status: status["command"]["running"]),
    ("ready", "gauge", "Whether the command is to get traffic.", lambda status: status["ready"]),
    (
        "draining",
        "gauge",
        "Whether traffic is being left, or is left.",
        lambda status: _is(status, "draining", "drained"),
    ),
    ("ending", "gauge", "Whether the end has begun.", lambda status: _is(status, "ending", "ended")),
    ("uptime_seconds", "gauge", "How long the agent has been there.", lambda status: status["agent"]["uptime_s"]),
    ("resident_memory_bytes", "gauge", "The memory of the agent.", lambda status: status["agent"]["memory_bytes"]),
    ("joined", "gauge", "How many applications have joined.", lambda status: len(status["joined"])),
    ("restarts_total", "counter", "How often the command was started again.", lambda s: s["command"]["restarts"]),
    ("refused_requests_total", "counter", "Requests without a valid token.", lambda status: status["refused"]),
)
"""How an agent is: the name behind `processender_`, the kind, the meaning, and how it is read from the status."""
SIGNALS = ("signals_total", "counter", "Signals that have come, by their name.")
"""The same of the signals, which have a label `signal`."""


def _is(status: Status, *states: str) -> bool:
    return status["state"] in states


def _of_agent(status: Status) -> str:
    """Return *status* in the text format of Prometheus."""
    lines: list[str] = []
    for name, kind, text, value in AGENT:
        lines += [*_head(name, kind, text), f"processender_{name} {value(status) + 0}"]
    lines += _head(*SIGNALS)
    lines += [f'processender_signals_total{{signal="{name}"}} {count}' for name, count in status["signals"].items()]
    return "\n".join(lines) + "\n"


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP processender_{name} {text}", f"# TYPE processender_{name} {kind}"]
