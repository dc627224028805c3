"""The pages of the words: names and attributes of all events, the keys of the configuration, and where logs go."""

from __future__ import annotations

import importlib
import json
import logging
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import describing
import msgspec

import processender
from processender.agent.explained import meanings
from processender.agent.schema import Config
from processender.core import events, rendering
from processender.core.attributes import words_of
from processender.core.vocabulary import ATTRIBUTES, PREFIX, event_name
from processender.integrations import journald, structlog, systemd
from processender.integrations.journald import message_id
from processender.telemetry import json_lines, structured

ROOT = Path(processender.__file__).parent
VARYING = {events.RunEnded: " or warning, unless `clean`", events.HandlerEnded: " or warning, unless `done`"}
"""What is graver where it did not end as it should."""
NAMES = """
Outside an event is called `processender.` and its key, in every backend: it is `event.name` of a record of `logging`
and of a line of JSON, the event of a line of structlog, the name of a log record of OpenTelemetry. The MESSAGE_ID is
that of its entries in the journal of systemd. What it says beside stands in
[the next table](#the-words). Every line of a run also has `processender.run.id`, and every line of a handler
its phase and its importance.
"""
WORDS = f"""
What is not ours is a word of OpenTelemetry's semantic conventions; all other keys begin with `{PREFIX}`, and none is
the namespace of another. In the journal a word is a field: `processender.run.id` is `PROCESSENDER_RUN_ID`. Keys,
types and units never change once they are released.
"""
CONFIGURATION = """
All keys of `processender.toml`, or of `[tool.processender]` in `pyproject.toml`. Each can be overridden by a variable
of the environment: `PROCESSENDER_`, and the key in capitals with `__` for each dot, such as
`PROCESSENDER_HANDLERS__FLUSH__TIMEOUT=2s`. A key that does not exist is refused, with the nearest that does.
`processender schema` prints the same as a JSON Schema for editors. Lengths of time have a unit:
`"500ms"`, `"30s"`, `"2m"`, `"1h"`.
"""
LOGS = """
Without `observers` an `Ender` logs to the logger `processender.NAME` of the standard library. Each record has the words
of [the vocabulary](events.md#the-words) as its attributes, as `extra` would give them, so every handler and formatter
has them. How to use what is here is told in [another guide](../how-to/logs.md).
"""


def events_tables() -> str:
    """Return the table of all events and the table of all words."""
    lines = [f"## What they are called\n{NAMES}", "| event | name | level | words |\n|---|---|---|---|"]
    lines += [_event_row(kind) for kind in _kinds()]
    lines += ["", "| event | MESSAGE_ID |\n|---|---|"]
    lines += [f"| `{event_name(kind.key)}` | `{message_id(kind.key)}` |" for kind in _kinds()]
    lines += [f"\n## The words\n{WORDS}", "| key | type | unit | what it says |\n|---|---|---|---|"]
    lines += [f"| `{each.key}` | {each.kind} | {each.unit} | {each.meaning} |" for each in ATTRIBUTES.values()]
    return "\n".join(lines) + "\n"


def rooms() -> list[Any]:
    """Return the events of the rooms above the core, by their keys."""
    for path in sorted(ROOT.rglob("*.py")):
        if "(RoomEvent)" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(("processender", *path.relative_to(ROOT).with_suffix("").parts)))
    return sorted(events.RoomEvent.__subclasses__(), key=lambda kind: kind.key)


def _kinds() -> list[Any]:
    return [*(kind for kind in get_args(events.Event) if kind is not events.RoomEvent), *rooms()]


def _event_row(kind: Any) -> str:
    is_room = issubclass(kind, events.RoomEvent)
    level = kind.level if is_room else rendering.LEVELS.get(kind, rendering.INFO)
    name = event_name(kind.key) + (".CODE" if kind is events.Trouble else "")
    shown = f"{logging.getLevelName(level).lower()}{VARYING.get(kind, '')}"
    return f"| `{kind.__name__}` | `{name}` | {shown} | {', '.join(f'`{word}`' for word in words_of(kind))} |"


def configuration_page(note: str) -> str:
    """Return the page of the configuration, table by table, with *note* below its title."""
    parts = ["# The configuration\n", note, CONFIGURATION.strip() + "\n"]
    parts += _tables("", Config, {})
    return "\n".join(parts)


def _tables(path: str, kind: Any, told: dict[Any, str]) -> list[str]:
    """Return the table at *path*, and then those inside of it; for one that was *told* elsewhere its place is named."""
    told[kind] = path
    words = meanings(kind)
    lines = [f"## `{_head(path)}`\n\n{kind.__doc__}\n" if path else "## At the root\n"]
    lines.append("| key | takes | default | what it says |\n|---|---|---|---|")
    inside: list[str] = []
    for field in msgspec.structs.fields(kind):
        key = field.encode_name
        table, place = _table_in(field.type, f"{path}.{key}" if path else key)
        takes = _takes(field.type)
        if table in told and table is not None:
            takes += f", as `{_head(told[table])}`"
        lines.append(f"| `{key}` | {takes} | {_default(field)} | {words[key]} |")
        if table is not None and table not in told:
            inside += _tables(place, table, told)
    return ["\n".join(lines) + "\n", *inside]


def _head(path: str) -> str:
    """Return how the table at *path*, in which a list is `LIST[]`, begins in a file."""
    return f"[[{path.removesuffix('[]')}]]" if path.endswith("[]") else f"[{path.replace('[]', '')}]"


def _table_in(kind: Any, path: str) -> tuple[Any, str]:
    """Return the table that *kind* is, or has inside, and its place; None where there is none."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, path
    origin, inner = get_origin(kind), get_args(kind)
    if origin is dict:
        return _table_in(inner[1], f"{path}.NAME")
    if origin is list:
        return _table_in(inner[0], f"{path}[]")
    found = [_table_in(each, path) for each in inner] if origin not in {None, Literal, Annotated} else []
    return next((each for each in found if each[0] is not None), (None, path))


def _takes(kind: Any) -> str:  # noqa: PLR0911 - one for each kind
    """Return in words what a key takes."""
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return "a table"
    if origin is Annotated:
        meta = inner[1]
        if meta.pattern:
            return "a length of time"
        bounds = [f"from {meta.ge:,}"] if meta.ge is not None else []
        bounds += [f"to {meta.le:,}"] if meta.le is not None else []
        return f"{_takes(inner[0])} {' '.join(bounds)}".strip()
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in inner)
    if origin is list:
        return f"a list: {_takes(inner[0])}"
    if origin is dict:
        return f"a table for each name: {_takes(inner[1])}" if _table_in(kind, "")[0] else "a table"
    if origin is Union or inner:
        return _takes(next(each for each in inner if each is not type(None)))
    return {str: "text", int: "a whole number", float: "a number", bool: "`true` or `false`"}.get(kind, "anything")


def _default(field: Any) -> str:
    """Return the default of a key as TOML; empty where there is none to be written."""
    if field.default is msgspec.NODEFAULT or field.default is None:
        return ""
    return f"`{json.dumps(field.default)}`"


def logs_page(note: str) -> str:
    """Return the page of what takes events beside the exporters, with *note* below its title."""
    parts = ["# Logs\n", note, LOGS.strip() + "\n"]
    for name, home in (
        ("telemetry.structured.LoggingObserver", structured),
        ("telemetry.json_lines.JsonFormatter", json_lines),
        ("integrations.structlog.StructlogObserver", structlog),
        ("integrations.journald.JournaldObserver", journald),
        ("integrations.journald.message_id", journald),
        ("integrations.journald.field_of", journald),
        ("integrations.systemd.StatusObserver", systemd),
    ):
        parts.append(describing.thing(name, getattr(home, name.rpartition(".")[2]), home))
    return "\n".join(parts)


def words_pages(note: str) -> dict[str, str]:
    """Return the text of each page by its name."""
    return {"configuration": configuration_page(note), "logs": logs_page(note)}
