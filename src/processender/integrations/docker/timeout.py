"""How long an engine waits between the stop signal and the kill, and from where that is known."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

from ...core.notice import DeadlineKind
from ...core.record import Record
from ...core.spans import LONGEST_S, seconds_of
from ...errors import ProcessEnderError
from ...hints import Any
from .engine import Engine
from .identity import own_container

VARIABLE = "PROCESSENDER_STOP_TIMEOUT"
"""The variable by which a container is told its own stop time-out: engines do not."""
LABEL = "dev.processender.stop-timeout"
"""The label that says the same, for those who can ask the engine."""
DEFAULT_S = 10.0
"""What Docker and podman wait on Linux where nobody has said anything."""


class StopTimeout(Record):
    """How long a container has, and from where that is known."""

    seconds: float | None
    """From the stop signal to the kill; None where the engine waits for ever."""
    known_from: str
    """Where it stands."""
    kind: DeadlineKind = DeadlineKind.CONFIGURED
    """How far it can be trusted."""
    signal: int = int(signal.SIGTERM)
    """The number of the signal that asks the container to end."""
    better: str = ""
    """What it would take to know it better; empty where nothing is missing."""


class _Asking:
    """The context in which somebody asks who is no handler and no source."""

    idempotency_key = "stop-timeout"

    def __init__(self, limit: float) -> None:
        self._limit = limit

    def remaining(self) -> float:
        return self._limit

    def on_cancel(self, _function: object) -> Callable[[], object]:
        return lambda: None


def stop_timeout(
    environ: Mapping[str, str] | None = None, *, container: str = "", endpoint: str = "", limit: float = 1.0
) -> StopTimeout:
    """
    Return how long this container has, or the other *container*, whatever the engine answers.

    Args:

        environ: The environment that is read, by default that of this process.

        container: The id or the name of another container than the one in which this process is.

        endpoint: Where the engine is, as `listen` takes it.

        limit: How long the engine is waited for, seconds; 0 asks nobody.

    Raises `SourceError` for an *endpoint* that is no address.
    """
    environ = os.environ if environ is None else environ
    told: Any = None
    id_ = container or own_container()
    engine = Engine(endpoint, environ)
    if limit > 0 and id_ and engine.is_there:
        asking: Any = _Asking(limit)
        try:
            told = engine.inspect(asking, id_)
        except (ProcessEnderError, OSError):
            told = None
    return understood(told, {} if container else environ)


def understood(told: Any, environ: Mapping[str, str]) -> StopTimeout:
    """Return what follows from the answer of the engine, None if there is none, and the environment."""
    config = told.get("Config") if isinstance(told, dict) else None
    config = config if isinstance(config, dict) else {}
    number = _number(config.get("StopSignal"))
    given = environ.get(VARIABLE, "")
    if (seconds := seconds_of(given)) is not None:
        return StopTimeout(seconds, f"the variable {VARIABLE}", signal=number)
    labels = config.get("Labels")
    label = str(labels.get(LABEL, "")) if isinstance(labels, dict) else ""
    if (seconds := seconds_of(label)) is not None:
        return StopTimeout(seconds, f"the label {LABEL}", signal=number)
    timeout = config.get("StopTimeout")
    if isinstance(timeout, int) and not isinstance(timeout, bool) and -1 <= timeout <= LONGEST_S:
        return StopTimeout(None if timeout < 0 else float(timeout), "the engine: StopTimeout", signal=number)
    wrong = next((f"{text!r} in {where} is no length of time; " for text, where in
                  ((given, f"the variable {VARIABLE}"), (label, f"the label {LABEL}")) if text), "")  # fmt: skip
    better = f"{wrong}set {VARIABLE}=30s beside --stop-timeout 30 or stop_grace_period: 30s"
    why = "the default of Docker and podman"
    return StopTimeout(DEFAULT_S, why, DeadlineKind.ASSUMED, number, better)


def _number(text: Any) -> int:
    """Return the number of a signal that is written as `SIGTERM`, `TERM` or `15`; TERM for what is none."""
    name = str(text or "").strip().upper()
    if name.isascii() and name.isdigit() and 0 < int(name) < signal.NSIG:
        return int(name)
    name = name if name.startswith("SIG") else f"SIG{name}"
    base, plus, more = name.partition("+")
    if base == "SIGRTMIN" and plus and more.isdigit():
        return int(signal.SIGRTMIN) + int(more)
    found = getattr(signal, name, None)
    return int(found) if isinstance(found, signal.Signals) else int(signal.SIGTERM)
