"""What a sidecar cannot do although it can be configured: it has not started the application, and does not own it."""

from __future__ import annotations

from collections.abc import Callable

from . import kernel
from .errors import ConfigError
from .hooks import PHASE, POINTS
from .settings import Settings, Style

_NOT_OWNED = "a sidecar tells the application by --tell-signal, --tell-http or --tell-file"
_NOT_STARTED = "whoever has started the application starts it again"
_NOT_HEARD = "the output of the application goes past a sidecar"
_NOT_A_UNIT = "a sidecar is not the main process of the application's unit"
_NO_SIGN = "a sidecar hears signs of life by --heartbeat"
_REFUSED: dict[str, tuple[Callable[[Settings], object], str]] = {
    "[command]": (lambda given: given.stop_steps or given.stop_signal != kernel.TERM, _NOT_OWNED),
    "[output]": (lambda given: given.capture or given.output != Style(), _NOT_HEARD),
    "[restart]": (lambda given: given.restart != "never" or given.restarts is not None, _NOT_STARTED),
    "[checks]": (lambda given: given.checks, "a sidecar asks the application by --watch-http"),
    "[heartbeat]": (lambda given: any(each.cause == "heartbeat" for each in given.vigils), _NO_SIGN),
    "[deadlock]": (lambda given: any(each.cause == "deadlock" for each in given.vigils), _NOT_HEARD),
    "[control]": (
        lambda given: given.control_listen or given.control_tokens,
        "a sidecar is asked on its socket, see `processender status`",
    ),
    "[systemd]": (lambda given: given.watchdog != "own" or given.extend_to is not None, _NOT_A_UNIT),
    "ready": (lambda given: given.ready != "started", _NOT_A_UNIT),
    "exit": (lambda given: given.exit != "code", "a sidecar has no child whose death it could pass on"),
}


def refuse(settings: Settings) -> None:
    """Raise `ConfigError` that names everything in *settings* that a sidecar would not do."""
    problems = [_problem(settings, key, why) for key, (given, why) in _REFUSED.items() if given(settings)]
    problems += [
        _problem(settings, f"[hooks.{point}]", "a sidecar runs only what belongs to the end: pre_stop and post_stop")
        for point in POINTS
        if point not in PHASE and settings.hooks.get(point)
    ]
    if problems:
        raise ConfigError(problems)


def _problem(settings: Settings, key: str, why: str) -> str:
    where = settings.file or "the environment"
    return f"{where}: {key} is not for a sidecar: {why}; give the sidecar a configuration without it"
