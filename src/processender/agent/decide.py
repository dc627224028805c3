"""What the agent is to do, decided from flags, environment and file, in this order of weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..demand import load
from ..hints import Any
from .durations import format_duration, parse_duration
from .errors import ConfigError
from .settings import Settings
from .sources import find_source, overrides

Keeper = Any
"""See `integrations.command.Keeper`, which an agent without a configuration never loads."""


def decide(path: str, flags: Mapping[str, str | None], environ: Mapping[str, str], keeper: Keeper = None) -> Settings:
    """
    Return the settings; what the configured handlers need later is loaded here.

    Args:

        path: The configuration file; empty looks for one in the working directory.

        flags: The flags `grace`, `drain_delay` and `probe_listen` as they were given, None for those that were not.

        environ: The environment.

        keeper: Whoever reaps children in this process.

    Raises `ConfigError` with every mistake in all of them.
    """
    problems: list[str] = []
    settings = Settings()
    try:
        source = find_source(path)
        if source is not None or overrides(environ):
            # Only now: `msgspec` and `tomllib` are half of the agent's memory.
            settings = load("agent.config").load(source, environ, keeper)
    except ConfigError as error:
        problems += error.problems
    changes: dict[str, Any] = {}
    for name, take in _FLAGS.items():
        text = flags.get(name)
        if text is not None:
            try:
                changes[name] = take(text)
            except ValueError as error:
                problems.append(f"--{name.replace('_', '-')}: {error}")
    settings = settings.replace(**changes)
    if settings.drain_delay >= settings.grace and not problems:
        delay, grace = format_duration(settings.drain_delay), format_duration(settings.grace)
        problems.append(f"drain_delay, {delay}, is not shorter than grace, {grace}: no time would be left to end")
    if problems:
        raise ConfigError(problems)
    return settings


def _address(text: str) -> str:
    load("agent.probes").parse_address(text)
    return text


_FLAGS: dict[str, Callable[[str], Any]] = {
    "grace": parse_duration,
    "drain_delay": lambda text: parse_duration(text, zero=True),
    "probe_listen": _address,
}
