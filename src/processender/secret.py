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


def without_password(value: Any) -> Any:
    """
    Return *value*, a URL or a reference to one; raise `ReleaserError` for a URL with a password in it.

    Whatever an obligation holds is written into the journal.
    """
    # scheme://user:password@host, as in RFC 3986 section 3.2.1; and ?password= as several drivers take it.
    text = value if isinstance(value, str) else ""
    user = text.partition("://")[2].partition("?")[0].rpartition("@")[0]
    if ":" in user or "password=" in text:
        text = "cannot owe it: the URL holds a password, and the journal must not"
        raise ReleaserError(
            f'{text}; put the URL into a variable or a file and give {{"env": NAME}} or {{"file": PATH}}'
        )
    reveal(value)
    return value
