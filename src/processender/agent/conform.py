"""Checks a value that was read from TOML against the schema; every mistake is noted, and none ends the check."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec.structs import fields

from ..core.graph import nearest
from .durations import parse_duration
from .locate import Path
from .mistakes import Mistakes
from .schema_parts import Delay, Duration

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}


class _Invalid:
    """The value of what was wrong."""


INVALID = _Invalid()


def check(value: Any, kind: Any, path: Path, mistakes: Mistakes) -> Any:
    """Return *value* as *kind*, or `INVALID` after noting what is wrong with it."""
    kind = without_none(kind)
    origin = get_origin(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _check_table(value, kind, path, mistakes)
    if origin is dict:
        return _check_mapping(value, get_args(kind)[1], path, mistakes)
    if origin is list:
        return _check_list(value, get_args(kind)[0], path, mistakes)
    text = _wrong(value, kind)
    if not text:
        return value
    mistakes.add(path, text)
    return INVALID


def keys(kind: Any) -> dict[str, Any]:
    """Return the keys of the table *kind*, each with what it takes."""
    return {each.encode_name: each.type for each in fields(kind)}


def _check_table(value: Any, kind: type[msgspec.Struct], path: Path, mistakes: Mistakes) -> Any:
    if not isinstance(value, dict):
        mistakes.add(path, f"must be a table, not {_describe(value)}")
        return INVALID
    known = keys(kind)
    names = {each.encode_name: each.name for each in fields(kind)}
    taken = {}
    for key, each in value.items():
        if key not in known:
            mistakes.add((*path, key), f"there is no such key{_elsewhere(key, value, known) or nearest(key, known)}")
            continue
        converted = check(each, known[key], (*path, key), mistakes)
        if converted is not INVALID:
            taken[names[key]] = converted
    return kind(**taken)


def _elsewhere(key: str, table: dict[str, Any], known: Mapping[str, Any]) -> str:
    """Return where *key* may belong in a *table* that names a drainer or a source; empty for what is misspelt."""
    kind = next((table[each] for each in ("listen", "drain") if each in table), None)
    if "with" not in known or kind is None or "did you mean" in nearest(key, known):
        return ""
    return f"; what {kind!r} takes is written in with = {{ {key} = ... }}"


def _check_mapping(value: Any, kind: Any, path: Path, mistakes: Mistakes) -> Any:
    if not isinstance(value, dict):
        mistakes.add(path, f"must be a table, not {_describe(value)}")
        return INVALID
    found = {key: check(each, kind, (*path, key), mistakes) for key, each in value.items()}
    return {key: each for key, each in found.items() if each is not INVALID}


def _check_list(value: Any, kind: Any, path: Path, mistakes: Mistakes) -> Any:
    if not isinstance(value, list):
        mistakes.add(path, f"must be a list, not {_describe(value)}; write it in brackets: [...]")
        return INVALID
    found = [check(each, kind, (*path, number), mistakes) for number, each in enumerate(value)]
    return INVALID if any(each is INVALID for each in found) else found


def _wrong(value: Any, kind: Any) -> str:
    """Return what is wrong with a single *value*, an empty text if nothing is."""
    if kind in (Duration, Delay):
        return _wrong_duration(value, zero=kind == Delay)
    if get_origin(kind) is Literal:
        return _wrong_choice(value, get_args(kind))
    if isinstance(value, str) and "\0" in value:
        return "contains a NUL character, which no program can be given; remove it"
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return _wrong_leaf(value, kind)
    return ""


def _wrong_leaf(value: Any, kind: Any) -> str:
    plain, limits = kind, ""
    if get_origin(kind) is Annotated:
        plain, meta = get_args(kind)[:2]
        most = f" to {meta.le}" if meta.le is not None else " up"
        limits = f" from {meta.ge}{most}"
    if isinstance(value, plain) and not isinstance(value, bool):
        return f"{value} is out of range; it must be {_WORDS[plain]}{limits}"
    return f"must be {_WORDS[plain]}{limits}, not {_describe(value)}"


def _wrong_duration(value: Any, *, zero: bool) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value} has no unit; give a unit: '{value}s'"
    if not isinstance(value, str):
        return f"must be a length of time like '30s', not {_describe(value)}"
    try:
        parse_duration(value, zero=zero)
    except ValueError as error:
        return str(error)
    return ""


def _wrong_choice(value: Any, choices: tuple[str, ...]) -> str:
    if value in choices:
        return ""
    listed = ", ".join(repr(choice) for choice in choices)
    hint = nearest(value, choices).partition("; known")[0] if isinstance(value, str) else ""
    return f"must be one of {listed}, not {value!r}{hint}"


def without_none(kind: Any) -> Any:
    """Return what *kind* takes beside nothing: TOML has no null."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(each for each in get_args(kind) if each is not type(None))
    return kind


def _describe(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    for kind, words in _WORDS.items():
        if isinstance(value, kind):
            return words if kind in (list, dict) else f"{repr(value)[:60]} ({words})"
    return f"a {type(value).__name__}"
