"""What the keys of a configuration mean, as the schema itself says it: for editors, and for the reference."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise

import msgspec

from ..hints import Any
from .schema import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def meanings(kind: type) -> dict[str, str]:
    """Return what each key of the table *kind* means, those that it has from its base first."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            found |= _of_class(base)
    return {each.encode_name: found.get(each.name, "") for each in msgspec.structs.fields(kind)}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the whole file, with the meaning of each key."""
    schema = msgspec.json.schema(Config)
    for name, kind in _tables(Config).items():
        told = schema["$defs"][name]
        told["description"] = inspect.getdoc(kind) or ""
        for key, meaning in meanings(kind).items():
            told["properties"][key] = {"description": meaning, **told["properties"][key]}
    return {"$schema": DIALECT, "title": "processender.toml", **schema}


def _tables(kind: Any) -> dict[str, type]:
    """Return all tables that there are in *kind*, by name."""
    found: dict[str, type] = {}
    waiting = [kind]
    while waiting:
        each = waiting.pop()
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            if each.__name__ not in found:
                found[each.__name__] = each
                waiting += [field.type for field in msgspec.structs.fields(each)]
        else:
            waiting += getattr(each, "__args__", ())
    return found


def _of_class(kind: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except OSError:
        # It is installed without its source: the schema is there all the same.
        return {}
    (body,) = ast.parse(source).body
    assert isinstance(body, ast.ClassDef)  # it is the source of a class
    found = {}
    for field, text in pairwise(body.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            value = text.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[field.target.id] = inspect.cleandoc(value.value)
    return found
