"""From the bytes of a file to its tables, and to what they say."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from .. import demand
from .conform import INVALID, check
from .files import OF_PROFILES, ConfigFile, overrides
from .lifetime import check_life
from .mistakes import Mistakes
from .schema import Config
from .semantics import check_meaning
from .variables import apply


def decode(file: ConfigFile) -> str:
    """Return the text of *file*; raise `ConfigError` for what is no UTF-8."""
    mistakes = Mistakes()
    try:
        # Editors on Windows put a mark before the text, which means nothing in UTF-8.
        return file.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.data.count(b"\n", 0, error.start) + 1
        mistakes.say(f"{file.path}:{line}: is not UTF-8: {error.reason}; save it as UTF-8")
        mistakes.raise_if_any()
        raise


def parse(file: ConfigFile, text: str, mistakes: Mistakes) -> dict[str, Any]:
    """Return the tables of *file* from its root down; what is no TOML at all ends the search for mistakes."""
    try:
        data: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        line = place.partition("line ")[2].partition(",")[0] or str(text.count("\n") + 1)
        mistakes.say(f"{file.path}:{line}: is not TOML: {reason or error}")
    except ValueError as error:
        # Such as a number with more digits than Python converts.
        mistakes.say(f"{file.path}: is not TOML that can be read: {error}")
    except RecursionError:
        mistakes.say(f"{file.path}: is nested too deeply to be a configuration")
    mistakes.raise_if_any()
    for key in file.root:
        data = data.get(key, {}) if isinstance(data, dict) else {}
    if not isinstance(data, dict):
        mistakes.add((), f"{'.'.join(file.root)} must be a table")
        mistakes.raise_if_any()
    return dict(data)


def understand(
    data: dict[str, Any], environ: Mapping[str, str], wanted: tuple[str, Sequence[str] | None], mistakes: Mistakes
) -> tuple[str, Config]:
    """
    Return the name of the profile that holds, and what *data* says with it and with the overrides in *environ*.

    Args:

        data: The tables of the file.

        environ: The environment.

        wanted: The profile that was asked for, and the platforms by which it is found otherwise, see `Profiles.choose`.

        mistakes: Where what is wrong is noted; what cannot be understood at all ends the search for more.
    """
    variables = overrides(environ)
    of_profiles = {name: text for name, text in variables.items() if name.startswith(OF_PROFILES)}
    apply(of_profiles, data, mistakes)
    name, profiles = "", None
    if wanted[0] or "profile" in data or "use_profile" in data:
        profiles = demand.load("agent.profiles").Profiles(data, mistakes)
        name = profiles.choose(wanted[0], environ, wanted[1])
        data = profiles.hold(name)
    apply({each: text for each, text in variables.items() if each not in of_profiles}, data, mistakes)
    config = _look(data, environ, mistakes)
    if profiles is not None:
        profiles.check_others(name, _look)
    if config is INVALID:
        mistakes.raise_if_any()
    return name, config


def _look(data: dict[str, Any], environ: Mapping[str, str], mistakes: Mistakes) -> Any:
    """Return what the tables *data* say, `INVALID` if not even that is clear; what is wrong with them is noted."""
    config: Any = check(data, Config, (), mistakes)
    if config is not INVALID:
        check_meaning(config, environ, mistakes)
        check_life(config, environ, mistakes)
    return config
