"""Data that comes back from a journal as it went in."""

from __future__ import annotations

import json
from collections.abc import Callable

from ..hints import Any


def as_json(value: Any, otherwise: Callable[[Any], Any] | None = None) -> str:
    """
    Return *value* as JSON; raise `ValueError` for what would come back as something else, or not at all.

    Tuples are taken, and come back as lists. *otherwise* turns what JSON does not know into what it does.
    """
    try:
        text = json.dumps(value, allow_nan=False, default=otherwise)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            for name in each:
                if not isinstance(name, str):
                    # All that is wrong with a value is a ValueError, for one who catches it.
                    raise ValueError(  # noqa: TRY004 - see above
                        f"the key {name!r} is no text, and would come back as one"
                    )
            waiting.extend(each.values())
        elif isinstance(each, list | tuple):
            waiting.extend(each)
    return text


def plain(value: Any, otherwise: Callable[[Any], Any] | None = None) -> Any:
    """Return *value* as it will come back, sharing nothing with it; raise `ValueError` as `as_json` does."""
    return json.loads(as_json(value, otherwise))
