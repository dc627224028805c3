"""The page of the table `[rehearsal]`: every key with its default and its meaning, from the schema."""

from __future__ import annotations

import inspect
from typing import Any, get_args

from describing import documented
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from processender.agent.conform import without_none
from processender.rehearsal import drawing, schema

TABLES: dict[str, type[Struct]] = {
    "rehearsal": schema.RehearsalConfig,
    "rehearsal.load": schema.LoadConfig,
    "rehearsal.scenarios.NAME": schema.ScenarioConfig,
    "[rehearsal.end]": schema.StepConfig,
}
"""The tables, by where they stand."""


def pages(note: str) -> dict[str, str]:
    """Return the page, below its name."""
    parts = ["# What a rehearsal may say\n", note, f"{inspect.getdoc(schema.RehearsalConfig)}\n"]
    for name, table in TABLES.items():
        own = "" if table is schema.RehearsalConfig else f"{inspect.getdoc(table)}\n\n"
        parts.append(f"## `[{name}]`\n\n{own}| key | default | what it is |\n|---|---|---|\n{_rows(table)}")
    parts.append(f"## Assertions\n\n{_listed(get_args(schema.Assertion))}\n")
    parts.append(f"## Events at which a process can be killed\n\n{_listed(drawing.EVENTS)}\n")
    return {"rehearsal": "\n".join(parts)}


def _rows(table: type[Struct]) -> str:
    said = documented(inspect.getsource(table))
    return "".join(f"| `{each.encode_name}` | {_default(each)} | {said[each.name]} |\n" for each in fields(table))


def _default(each: Any) -> str:
    kind = without_none(each.type)
    if each.default is NODEFAULT or each.default in (None, ""):
        return "" if not isinstance(kind, type) or not issubclass(kind, Struct) else "its table"
    return f"`{each.default!r}`".replace("'", '"')


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
