"""Modules of our own that only some runs need, loaded when they are."""

from __future__ import annotations

import sys

from .hints import Any

PACKAGE = __name__.partition(".")[0]


def load(name: str) -> Any:
    """Return the module *name* of this package, like `agent.config`; `importlib` would cost 1 ms for the same."""
    full = f"{PACKAGE}.{name}"
    __import__(full)
    return sys.modules[full]
