"""From the bytes of a file to its tables."""

from __future__ import annotations

import tomllib
from typing import Any

from .mistakes import Mistakes
from .sources import Source


def decode(source: Source) -> str:
    """Return the text of *source*; raise `ConfigError` for what is no UTF-8."""
    mistakes = Mistakes()
    try:
        # Editors on Windows put a mark before the text, which means nothing in UTF-8.
        return source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.data.count(b"\n", 0, error.start) + 1
        mistakes.say(f"{source.path}:{line}: is not UTF-8: {error.reason}; save it as UTF-8")
        mistakes.raise_if_any()
        raise


def parse(source: Source, text: str, mistakes: Mistakes) -> dict[str, Any]:
    """Return the tables of *source* from its root down; what is no TOML at all ends the search for mistakes."""
    try:
        data: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        line = place.partition("line ")[2].partition(",")[0] or str(text.count("\n") + 1)
        mistakes.say(f"{source.path}:{line}: is not TOML: {reason or error}")
    except ValueError as error:
        # Such as a number with more digits than Python converts.
        mistakes.say(f"{source.path}: is not TOML that can be read: {error}")
    except RecursionError:
        mistakes.say(f"{source.path}: is nested too deeply to be a configuration")
    mistakes.raise_if_any()
    for key in source.root:
        data = data.get(key, {}) if isinstance(data, dict) else {}
    if not isinstance(data, dict):
        mistakes.add((), f"{'.'.join(source.root)} must be a table")
        mistakes.raise_if_any()
    return dict(data)
