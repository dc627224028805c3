"""Secrets by reference: a record names where one is found, and never holds it."""

from __future__ import annotations

import os

from .errors import ReleaserError
from .hints import Any


def reveal(value: Any) -> str:
    """
    Return *value*, or what it refers to: `{"env": NAME}` a variable of this process, `{"file": PATH}` a file.

    Raise `ReleaserError` for a reference that leads nowhere; the message names the place, never the content.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, place),) = value.items()
        if kind == "env" and isinstance(place, str):
            found = os.environ.get(place)
            if found is None:
                raise ReleaserError(f"cannot find a secret: the variable {place} is not set here")
            return found
        if kind == "file" and isinstance(place, str):
            try:
                with open(place, encoding="utf-8") as file:
                    return file.read().rstrip("\n")
            except OSError as error:
                raise ReleaserError(f"cannot read the secret in {place}: {error.strerror}") from error
    raise ReleaserError('cannot find a secret: write text, {"env": NAME} or {"file": PATH}')
