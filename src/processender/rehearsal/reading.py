"""From a configuration file and flags to what is rehearsed, or to every mistake in them at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..agent.conform import INVALID, check
from ..agent.durations import parse_duration
from ..agent.files import find_file
from ..agent.mistakes import Mistakes
from ..agent.reading import decode, parse
from ..core.graph import nearest
from ..core.record import Record
from ..hints import Any
from .drawing import RehearsalError, fill
from .part import PLAIN, Part, agent_around, parts_of
from .schema import RehearsalConfig

TABLE = "rehearsal"
_GRACE = "30s"
_OF_PROJECT = ("tool", "processender")


class Rehearsal(Record):
    """What is rehearsed."""

    config: RehearsalConfig
    """What the table says, and the flags."""
    parts: tuple[Part, ...]
    """Every run of the matrix."""
    jobs: int
    """How many runs at the same time."""


def read(
    path: str, changes: dict[str, Any], seeds: list[int], scenarios: list[str], flags: Mapping[str, str] = {}
) -> Rehearsal:
    """
    Return what is rehearsed.

    Args:

        path: The configuration file; empty looks for one in the working directory.

        changes: The keys of the table that flags have given, with `load` a table of its own.

        seeds: The seeds; empty for as many as the table says.

        scenarios: The names of the scenarios; empty for all.

        flags: By which flag a key was given, as far as one was.

    Raises `ConfigError` for mistakes in the file, and `RehearsalError` for what makes no sense together.
    """
    file = find_file(path, _OF_PROJECT if os.path.basename(path) == "pyproject.toml" else ())
    mistakes = Mistakes(file.path if file else "", decode(file) if file else "", file.root if file else ())
    data = parse(file, decode(file), mistakes) if file is not None else {}
    table = data.pop(TABLE, {})
    table = _merged(table, changes) if isinstance(table, dict) else table
    mistakes.named_by |= {(TABLE, key): flags[key] for key in changes if key in flags}
    config = check(table, RehearsalConfig, (TABLE,), mistakes)
    grace = data.get("grace", _GRACE)
    mistakes.raise_if_any()
    if config is INVALID or not config.command:
        text = "put one behind the --, like `processender rehearse -- ./server`, or give [rehearsal] a command"
        raise RehearsalError(f"there is no command to rehearse; {text}")
    _check_url("url", config.load.url)
    if "://" in config.ready:
        _check_url("ready", config.ready)
    is_agent = bool(data) if config.agent is None else config.agent
    # Who says himself what ready means has probes of his own; and an agent finds a pyproject.toml by itself.
    agent = agent_around(file.path if file and not file.root else "", probes=not config.ready) if is_agent else ()
    known = list(config.scenarios) or [PLAIN]
    odd = [name for name in scenarios if name not in known]
    if odd and "scenarios" in changes:
        text = f"with --fault there is one scenario, {known[0]!r}, in place of those of the file"
        raise RehearsalError(
            f"there is no scenario {odd[0]!r}: {text}; add the fault to {odd[0]!r} there, or leave it out"
        )
    if odd:
        raise RehearsalError(f"there is no scenario {odd[0]!r}{nearest(odd[0], known)}; known: {', '.join(known)}")
    window = _seconds(config.window or grace)
    parts = parts_of(
        config, lambda: seeds or list(range(1, config.seeds + 1)), agent, window, config.cwd or os.getcwd()
    )
    wanted = tuple(each for each in parts if not scenarios or each.scenario in scenarios)
    return Rehearsal(config, wanted, config.jobs or os.cpu_count() or 1)


def _check_url(key: str, url: str) -> None:
    """Raise `RehearsalError` for what clients cannot ask."""
    try:
        parts = urlsplit(fill(url, {"port": "1", "probe_port": "1"}))
        good = not url or (parts.scheme == "http" and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        good = False
    if not good:
        text = "write it with http, like http://127.0.0.1:{port}/; there is no TLS between a rehearsal and its program"
        raise RehearsalError(f"cannot ask {url!r}, the {key}: {text}")


def _merged(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    load = {**table.get("load", {}), **changes.get("load", {})} if isinstance(table.get("load", {}), dict) else {}
    merged = {**table, **changes}
    return {**merged, "load": load} if load else merged


def _seconds(text: Any) -> float:
    try:
        return parse_duration(text)
    except (ValueError, AttributeError) as error:
        raise RehearsalError(f"cannot take {text!r} for the window: {error}") from error
