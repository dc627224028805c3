"""
From a table in the file to the arguments of a function: the table is checked against what the function takes.

Theory of operation. A drainer, or a source, is made by a function, and its annotations are the schema of its table:
`float` is a length of time with a unit, since seconds are all that is counted so here; a list is an argument list; what
is not known here is left to the function. So a plugin needs no schema of its own, and a mistake is told with its line
before anything runs.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ..core.graph import nearest
from .conform import INVALID, check
from .durations import parse_duration
from .locate import Path
from .mistakes import Mistakes
from .schema_parts import Delay

_PLAIN: dict[str, Any] = {"str": str, "bool": bool, "int": int, "float": Delay}
_LIST_OF: dict[str, Any] = {"str": list[str], "bool": list[bool], "int": list[int]}
_LISTS = ("list[", "Sequence[", "tuple[", "Collection[", "Iterable[")
_TABLES = ("dict", "Mapping")
SECRETS = frozenset({"password", "token"})
"""The arguments that are secrets, and so are given by reference; one that is written out is never shown."""


def convert(
    what: str,
    function: Callable[..., object],
    table: Mapping[str, Any],
    path: Path,
    mistakes: Mistakes,
    own: Mapping[str, str],
) -> dict[str, Any]:
    """
    Return *table* as the arguments of *function*; what is wrong with it is noted.

    Args:

        what: What the function makes, as in `the drainer 'haproxy'`.

        function: Whose arguments they are.

        table: What was written.

        path: Where.

        mistakes: Where what is wrong is noted.

        own: The arguments that the file says elsewhere, each with what is said of it.
    """
    parameters = inspect.signature(function).parameters
    known = {each.name: _kind(each) for each in parameters.values() if each.name not in {*own, "reaper"}}
    found = {}
    for key, value in table.items():
        if key in own:
            mistakes.add((*path, key), own[key])
        elif key not in known:
            mistakes.add((*path, key), f"{what} takes no {key!r}{nearest(key, known)}")
        else:
            found[key] = _value(value, known[key], (*path, key), mistakes)
    lacking = [key for key in known if parameters[key].default is inspect.Parameter.empty and key not in table]
    if lacking:
        example = ", ".join(f"{key} = ..." for key in lacking)
        needs = " and ".join(f"`{key}`" for key in lacking)
        mistakes.add(path if table else path[:-1], f"{what} needs {needs}; write with = {{ {example} }}")
    return found


def _kind(parameter: inspect.Parameter) -> tuple[str, ...]:
    """Return the alternatives that the annotation of *parameter* names, without None; none for no annotation."""
    note = parameter.annotation
    if note is inspect.Parameter.empty:
        return ()
    text = note if isinstance(note, str) else inspect.formatannotation(note)
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(f"{text}|"):
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "|" and not depth:
            parts.append(text[start:at].strip().removeprefix("typing.").removeprefix("collections.abc."))
            start = at + 1
    return tuple(part for part in parts if part != "None")


def _value(value: Any, kind: tuple[str, ...], path: Path, mistakes: Mistakes) -> Any:
    """Return *value* as one of the alternatives of *kind* takes it; if none does, what the first says is noted."""
    first: Mistakes | None = None
    if path[-1] in SECRETS and isinstance(value, str) and any(each.startswith(_TABLES) for each in kind):
        example = f'{path[-1]} = {{ env = "{str(path[-1]).upper()}" }}'
        mistakes.add(path, f"must not stand here itself; name the variable or the file that holds it: {example}")
        return value
    for text in kind:
        schema = _schema(text)
        if schema is None:
            return value
        own = Mistakes()
        taken = check(value, schema, path, own)
        if taken is not INVALID:
            return parse_duration(taken, zero=True) if schema is Delay else taken
        first = first or own
    if first is not None:
        for place, text in first.found:
            mistakes.add(place, text)
    return value


def _schema(text: str) -> Any:
    """Return what the annotation *text* takes in a file, None for what only the function can tell."""
    if text in _PLAIN:
        return _PLAIN[text]
    if text.startswith("Literal["):
        choices = ast.literal_eval(f"({text[len('Literal[') : -1]},)")
        return Literal[choices]
    if text.startswith(_LISTS):
        inner = text[text.index("[") + 1 : -1].partition(",")[0].strip()
        return _LIST_OF.get(inner, list[Any])
    return dict[str, Any] if text.startswith(_TABLES) else None
