"""What the reference says of a function, a class or a constant: its signature, its docstring, and what it has."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import processender
from processender.core.record import Record
from processender.core.words import Words


class _Written:
    """An annotation as it is written."""

    def __init__(self, text: str) -> None:
        """Take the *text*."""
        self._text = text

    def __repr__(self) -> str:
        """Return it without quotes."""
        return self._text


def signature(function: Callable[..., object]) -> str:
    """Return the signature of *function* as it is written, without `self`."""
    found = inspect.signature(function)

    def written(annotation: Any) -> Any:
        return _Written(annotation) if isinstance(annotation, str) else annotation

    def default(value: Any) -> Any:
        # The text of a function has its address in it.
        return _Written("...") if inspect.isfunction(value) else value

    parameters = [
        each.replace(annotation=written(each.annotation), default=default(each.default))
        for name, each in found.parameters.items()
        if name != "self"
    ]
    returned = found.empty if function.__name__ == "__init__" else written(found.return_annotation)
    return str(found.replace(parameters=parameters, return_annotation=returned))


def documented(source: str) -> dict[str, str]:
    """Return the line below each field of a record, member of an enumeration or constant in *source*."""
    lines = [line.strip() for line in source.splitlines()]
    docs = {}
    for line, following in pairwise(lines):
        name = line.split(":")[0].split(" =")[0]
        if name.isidentifier() and following.startswith('"""'):
            docs[name] = following.strip('"')
    return docs


def function(name: str, thing: Callable[..., object], level: int = 3) -> str:
    """Return what there is to say of a function."""
    return f"{'#' * level} `{name}{signature(thing)}`\n\n{inspect.getdoc(thing) or ''}\n"


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Give the public methods and properties of *cls*, but not those that a foreign base asks for."""
    foreign = [base for base in cls.__mro__ if not base.__module__.startswith("processender")]
    for base in reversed(cls.__mro__):
        if base in foreign or base in {Record, Words}:
            continue
        for name, member in vars(base).items():
            # A class further down may have its own.
            own = inspect.getattr_static(cls, name) is member
            if own and not name.startswith("_") and not any(name in vars(each) for each in foreign):
                yield name, member


def has(cls: type, level: int = 3, bases: tuple[type, ...] = ()) -> list[str]:
    """Return what there is to say of the methods and properties of a class, without those of its *bases*."""
    parts = []
    for name, member in members(cls):
        if any(member in vars(base).values() for base in bases):
            continue
        plain = getattr(member, "fget", member)
        plain = getattr(plain, "__func__", plain)
        if not inspect.isfunction(plain) or name == "check":
            continue
        is_property = isinstance(member, property)
        text = f"{'#' * level} `{name}`\n\n{inspect.getdoc(plain)}\n" if is_property else function(name, plain, level)
        parts.append(text)
    return parts


def fields(cls: type) -> str:
    """Return the list of what a record, or a set of words, consists of; empty for any other class."""
    if not issubclass(cls, Record | Words) and not hasattr(cls, "_fields"):
        return ""
    return "".join(f"- `{name}`: {text}\n" for name, text in documented(inspect.getsource(cls)).items())


def thing(name: str, what: Any, home: ModuleType) -> str:
    """Return what there is to say of *what*, which is *name* in a room or module *home*, and its parts below it."""
    if not isinstance(what, type):
        return function(name, what) if callable(what) else f"### `{name} = {what!r}`\n\n{_of_constant(name, home)}\n"
    listing = fields(what)
    plain = bool(listing) or issubclass(what, BaseException) or getattr(what, "_is_protocol", False)
    made: Any = (
        None if plain else next((vars(each)["__init__"] for each in what.__mro__ if "__init__" in vars(each)), None)
    )
    is_own = getattr(made, "__module__", "").startswith("processender")
    bases = tuple(base for base in what.__bases__ if _is_told(base))
    heir = "".join(f"\n\nIt is a `{base.__name__}`." for base in bases)
    parts = [f"### `{name}{signature(made) if is_own else ''}`\n\n{inspect.getdoc(what) or ''}{heir}\n"]
    parts += [listing] if listing else []
    parts += [f"{inspect.getdoc(made) or ''}\n"] if is_own else []
    return "\n".join([*parts, *([] if issubclass(what, BaseException) else has(what, 4, bases))])


def _is_told(base: type) -> bool:
    """Tell whether there is something to read of *base* itself."""
    own = base.__module__.startswith("processender") and base not in {Record, Words}
    return own and not base.__name__.startswith("_")


def _of_constant(name: str, home: ModuleType) -> str:
    place = Path(home.__file__ or "")
    paths = sorted(place.parent.glob("*.py")) if place.name == "__init__.py" else [place]
    # The test kit passes on what it shares with the rehearsal.
    for path in [*paths, *sorted(Path(processender.__file__).parent.glob("stage/*.py"))]:
        found = documented(path.read_text(encoding="utf-8")).get(name.rpartition(".")[2])
        if found:
            return found
    return ""


def public(module: ModuleType) -> list[str]:
    """Return the names that *module* has for others: `__all__`, or what is defined there without an underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, each in vars(module).items()
        if not name.startswith("_")
        and callable(each)
        and each.__module__ == module.__name__
        and hasattr(each, "__name__")
    ]
