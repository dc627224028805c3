"""
Where a configuration comes from: which file, and which variables of the environment.

This part is loaded by every agent, so it is light; what reads the TOML is loaded only when there is something to read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..core.record import Record
from .errors import ConfigError

LARGEST = 1 << 20
"""The size of the largest file that is read, bytes; what is larger is no configuration."""
PREFIX = "PROCESSENDER_"
OF_PROFILES = (f"{PREFIX}PROFILE__", f"{PREFIX}USE_PROFILE")
"""How the variables begin that say something in a profile, or which one holds."""
RESERVED = frozenset(
    {"STATE", "DISABLE", "PROFILE", "CAUSE", "REMAINING", "ATTEMPT", "IDEMPOTENCY_KEY", "CONTROL", "JOIN", "HEARTBEAT",
     "STOP_TIMEOUT", "FAULTS", "PROGRESS"}
)  # fmt: skip
"""Variables that are no overrides: the place of the state, switches, the profile, what children are told, what a
container is told of its engine, and what goes wrong in a rehearsal."""


class ConfigFile(Record):
    """A file that was found."""

    path: str
    """Its path, as it is named in messages."""
    data: bytes
    """Its content."""
    root: tuple[str, ...] = ()
    """The keys under which the configuration stands in it."""
    elsewhere: bool = False
    """Whether it is used in another place, where its secrets are."""


def find_file(path: str = "", root: tuple[str, ...] = ()) -> ConfigFile | None:
    """
    Return the configuration file, or None if there is none.

    It is *path* if one is given, else `./processender.toml`, else a `./pyproject.toml` with a table
    `[tool.processender]`. A file that was found once is named with the *root* that it had, so that it is missed when it
    is gone. Raise `ConfigError` when it is there, or was, and cannot be read.
    """
    if path:
        data = _read(path)
        if root and not _has_table(data):
            raise ConfigError([f"{path}: there is no table [{'.'.join(root)}] any more; put it back, even if empty"])
        return ConfigFile(path, data, root)
    if os.path.lexists("processender.toml"):
        return ConfigFile("processender.toml", _read("processender.toml"))
    try:
        data = _read("pyproject.toml")
    except ConfigError:
        # It is not our file: if it cannot be read, others will say so.
        return None
    return ConfigFile("pyproject.toml", data, ("tool", "processender")) if _has_table(data) else None


def _has_table(data: bytes) -> bool:
    """Tell whether a pyproject.toml may have a table of ours; a project that only names us has none."""
    lines = (line.replace(b" ", b"").replace(b'"', b"") for line in data.splitlines() if b"processender" in line)
    starts = (b"[tool.processender", b"[[tool.processender", b"tool.processender", b"processender.", b"processender={")
    return any(line.startswith(starts) for line in lines)


def overrides(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of *environ* that override a key, by name."""
    return {name: text for name, text in environ.items() if name.startswith(PREFIX) and not _is_foreign(name)}


def _is_foreign(name: str) -> bool:
    key = name.removeprefix(PREFIX)
    # Kubernetes makes such variables for a Service that happens to be named `processender`.
    is_link = key == "PORT" or key.startswith(("PORT_", "SERVICE_HOST", "SERVICE_PORT"))
    # What the commands of `[[command.stop]]` and `[on_crash]` are told, of which some are agents.
    is_told = key in {"PID", "CRASH"} or key.startswith("CRASH_")
    return key in RESERVED or is_link or is_told


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            parts = []
            left = LARGEST + 1
            while left and (part := file.read(left)):
                parts.append(part)
                left -= len(part)
    except OSError as error:
        step = "name the file itself" if isinstance(error, IsADirectoryError) else "check the path and its permissions"
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}; {step}"]) from error
    if not left:
        raise ConfigError([f"{path}: is larger than {LARGEST >> 20} MiB; that is not a configuration of ours"])
    return b"".join(parts)
