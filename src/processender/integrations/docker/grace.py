"""How long an engine waits between the stop signal and the kill, and from where that is known."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from ...core.grace import Grace, no_length
from ...core.notice import DeadlineKind
from ...core.spans import LONGEST_S, seconds_of
from ...errors import ProcessEnderError
from ...glance import question
from ...hints import Any
from ...ports import Clock
from .engine import Engine
from .identity import own_container

VARIABLE = "PROCESSENDER_STOP_TIMEOUT"
"""The variable by which a container is told its own stop time-out: engines do not."""
LABEL = "dev.processender.stop-timeout"
"""The label that says the same, for those who can ask the engine."""
DEFAULT_S = 10.0
"""What Docker and podman wait on Linux where nobody has said anything."""


def find_grace(environ: Mapping[str, str] | None = None) -> Grace:
    """
    Return how long this container has, without asking anybody: what the variable says, or else the usual 10 s.

    Args:

        environ: The environment that is read, by default that of this process.
    """
    return grace_of(None, os.environ if environ is None else environ)


def ask_grace(
    clock: Clock,
    limit: float = 1.0,
    *,
    environ: Mapping[str, str] | None = None,
    container: str = "",
    endpoint: str = "",
) -> Grace:
    """
    Ask the engine how long this container has, or the other *container*; without an answer it is as `find_grace` says.

    Args:

        clock: The time.

        limit: The longest that the answer may take, seconds.

        environ: The environment that is read, by default that of this process.

        container: The id or the name of another container than the one in which this process is.

        endpoint: Where the engine is, as `listen` takes it.

    Raises `SourceError` for an *endpoint* that is no address.
    """
    environ = os.environ if environ is None else environ
    told: Any = None
    id_ = container or own_container()
    engine = Engine(endpoint, environ)
    if id_ and engine.is_there:
        try:
            told = engine.inspect(question(clock, limit), id_)
        except (ProcessEnderError, OSError):
            told = None
    return grace_of(told, {} if container else environ)


def grace_of(told: Any, environ: Mapping[str, str]) -> Grace:
    """Return what follows from the answer of the engine, None if there is none, and the environment."""
    config = _config(told)
    given = environ.get(VARIABLE, "")
    if (seconds := seconds_of(given)) is not None:
        return Grace(seconds, f"the variable {VARIABLE}")
    labels = config.get("Labels")
    label = str(labels.get(LABEL, "")) if isinstance(labels, dict) else ""
    if (seconds := seconds_of(label)) is not None:
        return Grace(seconds, f"the label {LABEL}")
    timeout = config.get("StopTimeout")
    if isinstance(timeout, int) and not isinstance(timeout, bool) and -1 <= timeout <= LONGEST_S:
        return Grace(None if timeout < 0 else float(timeout), "the engine: StopTimeout")
    written = ((given, f"the variable {VARIABLE}"), (label, f"the label {LABEL}"))
    wrong = next((no_length(text, where) for text, where in written if text), "")
    better = f"set {VARIABLE}=30s beside --stop-timeout 30 or stop_grace_period: 30s"
    return Grace(DEFAULT_S, "the default of Docker and podman", DeadlineKind.ASSUMED, better, wrong)


def signal_of(told: Any) -> int:
    """Return the number of the signal that, as the engine answers, asks the container to end; TERM for what is none."""
    name = str(_config(told).get("StopSignal") or "").strip().upper()
    if name.isascii() and name.isdigit() and 0 < int(name) < signal.NSIG:
        return int(name)
    name = name if name.startswith("SIG") else f"SIG{name}"
    base, plus, more = name.partition("+")
    if base == "SIGRTMIN" and plus and more.isdigit():
        return int(signal.SIGRTMIN) + int(more)
    found = getattr(signal, name, None)
    return int(found) if isinstance(found, signal.Signals) else int(signal.SIGTERM)


def _config(told: Any) -> dict[str, Any]:
    """Return the part of the answer that says how the container was made."""
    found = told.get("Config") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}
