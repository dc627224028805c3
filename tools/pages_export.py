"""The page of the exporters: who sends away what became of each end."""

from __future__ import annotations

import importlib
import inspect
import re

from describing import function, thing

from processender import ports
from processender.plugins import _EXPORTERS, EXPORTERS
from processender.telemetry import delivered

INTRODUCTION = f"""
How they are used is told [in a guide](../how-to/export.md). In a configuration one is found by its `kind`:
`[export.NAME]` has `kind`, `url`, `headers`, and in `with` what else its function takes. A package makes one of its own
known by an entry point of the group `{EXPORTERS}`: its value is a function that takes `name` and the fields of
`with`, and returns an `Exporter`.
"""
"""What the page says first."""
_HEADINGS = re.compile(r"^(Sends|Leaves|Evidence|Versions|Source):", re.MULTILINE)


def exporters_page(note: str) -> str:
    """Return the page: each kind with what makes it, what an own one must do, and what is told of them."""
    parts = ["# Exporters\n", note, INTRODUCTION]
    for kind, (place, name) in _EXPORTERS.items():
        module = importlib.import_module(f"processender.{place}")
        told = _HEADINGS.sub(r"**\1:**", inspect.getdoc(module) or "")
        room = place.removeprefix("integrations.")
        parts += [f"## `{kind}`\n\n{told}\n", function(f"{room}.{name}", getattr(module, name))]
    parts.append("## One of your own\n")
    parts.append(thing("processender.ports.Exporter", ports.Exporter, ports))
    parts.append("## What is told of them\n")
    parts += [thing(each.__name__, each, delivered) for each in (delivered.Undelivered, delivered.Delivered)]
    return "\n".join(parts)
