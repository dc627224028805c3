"""Overrides from the environment: `PROCESSENDER_HANDLERS__FLUSH__TIMEOUT=2s` is the key handlers.flush.timeout."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Struct

from ..core.graph import nearest
from ..core.platforms import NAMES
from .conform import keys, without_none
from .files import PREFIX
from .locate import Path
from .mistakes import Mistakes
from .profiles import WITHOUT
from .schema import Config


def apply(variables: Mapping[str, str], data: dict[str, Any], mistakes: Mistakes) -> None:
    """Put the value of each of *variables* into *data*, the tables that were read, where its name says."""
    for name in sorted(variables):
        found = _resolve(name, data, mistakes)
        if found is None:
            continue
        path, kind = found
        try:
            value = _value(variables[name], kind)
        except ValueError as error:
            mistakes.say(f"{name}: {error}")
            continue
        mistakes.named_by[path] = name
        _put(data, path, value)


def _resolve(name: str, data: dict[str, Any], mistakes: Mistakes) -> tuple[Path, Any] | None:
    """Return the key that *name* means and what it takes, or None after noting that there is none."""
    path: Path = ()
    kind: Any = Config
    here: Any = data
    # What the file says without the profile that the variable is about.
    below: Any = None
    for part in name.removeprefix(PREFIX).lower().split("__"):
        kind = without_none(kind)
        known = [*_known(kind, below), *_known(kind, here), *_of_profiles(path)]
        match = {_flat(key): key for key in known}
        if part not in match and (get_origin(kind) is not dict or _of_file(path) == ("handlers",)):
            near = nearest(part, match) if known else "; it has no keys"
            mistakes.say(f"{name}: there is no such key: {'.'.join(map(str, (*path, part)))}{near}")
            return None
        key = match.get(part, part)
        path = (*path, key)
        here, below = (each.get(key) if isinstance(each, dict) else None for each in (here, below))
        if path[0] == "profile" and len(path) == 2:
            kind, below = Config, data
        elif path[2:] == (WITHOUT,):
            kind = list[str]
        else:
            kind = keys(kind)[key] if _is_struct(kind) else get_args(kind)[1]
    return path, without_none(kind)


def _of_file(path: Path) -> Path:
    """Return *path* as it is where no profile is."""
    return path[2:] if path[:1] == ("profile",) else path


def _of_profiles(path: Path) -> tuple[str, ...]:
    """Return what may stand at *path* and no table says: the platforms, and what a profile leaves out."""
    if path == ("profile",):
        return NAMES
    return (WITHOUT,) if path[:1] == ("profile",) and len(path) == 2 else ()


def _known(kind: Any, here: Any) -> list[str]:
    if _is_struct(kind):
        return list(keys(kind))
    return list(here) if get_origin(kind) is dict and isinstance(here, dict) else []


def _flat(key: str) -> str:
    """Return *key* as the name of a variable can hold it."""
    return "".join(letter if letter.isalnum() else "_" for letter in key).lower()


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _value(text: str, kind: Any) -> Any:
    """Return *text* as it is where text is wanted, else as the TOML value that it is."""
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if plain is str or get_origin(plain) is Literal:
        return text
    try:
        return tomllib.loads(f"value = {text}\n")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        if plain is Any:
            # What a drainer is told may be text, which needs no quotes here.
            return text
        example = {int: "3", float: "0.5", bool: "true"}.get(plain, '["a", "b"] or { key = "value" }')
        raise ValueError(f"{text!r} is not a TOML value; write it like {example}") from None


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    here: Any = data
    for part in path[:-1]:
        # What is no table is a mistake of its own, which the check of the whole finds.
        if not isinstance(here.setdefault(part, {}), dict):
            return
        here = here[part]
    here[path[-1]] = value
