"""Secrets by reference: a record names where one is found, and never holds it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from .errors import ReleaserError
from .hints import Any

SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "x-consul-token"}
)
"""The header fields whose values are secrets, in small letters: they are given by reference."""
BLANK = "***"
"""What stands for a secret in what is shown."""
_OPEN_HEADERS = frozenset({"accept", "connection", "content-type", "fencing-token", "user-agent"})
_SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate", "token"})
_LEAST_SECRET = 5
_CREDENTIALS = re.compile(
    r"\b[a-z][a-z0-9+.-]*://[^/?#\s@:]*:[^/?#\s]+@|\b[a-z]\w*://\S*[?&]password=[^&\s]", re.IGNORECASE
)


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
            except ValueError as error:
                # What is no text, or a NUL in the path; the error itself would quote the content.
                raise ReleaserError(f"cannot read the secret in {place!r}: {type(error).__name__}") from None
    raise ReleaserError('cannot find a secret: write text, {"env": NAME} or {"file": PATH}')


def reveal_token(value: Any) -> bytes:
    """
    Return what *value* refers to as the token of a header field, without the space around it.

    Raise `ReleaserError` as `reveal` does, and for one that is empty or cannot be sent; it is never shown.
    """
    token = reveal(value).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ReleaserError("the token is empty, or holds a sign that cannot be sent; use letters and digits")
    return token.encode()


def check_reference(value: Any, what: str) -> None:
    """Raise `ReleaserError` unless *value* is text or a reference; whether that leads anywhere is not looked at."""
    is_reference = isinstance(value, dict) and len(value) == 1 and {*value} <= {"env", "file"}
    if not (isinstance(value, str) and value) and not (is_reference and isinstance(next(iter(value.values())), str)):
        raise ReleaserError(f'it has no {what}; give {what}= as text, {{"env": NAME}} or {{"file": PATH}}')


def check_named(value: Any, what: str) -> None:
    """
    Raise `ReleaserError` unless *value* is a reference: so is each secret of a handler, and of an obligation.

    What they are told stands in a configuration, or in the journal; only what a program hands over itself, such as the
    token of a middleware, may be the text.
    """
    if isinstance(value, str):
        raise ReleaserError(
            f'{what} is a secret, and must not be written out; give {{"env": NAME}} or {{"file": PATH}}'
        )
    check_reference(value, what)


def find_password(value: Any, place: str = "") -> str:
    """Return where in *value*, data of JSON, a URL with a password stands; empty for nowhere."""
    if isinstance(value, dict):
        places = [(f"{place}.{name}" if place else str(name), each) for name, each in value.items()]
    elif isinstance(value, list):
        places = [(f"{place}[{at}]", each) for at, each in enumerate(value)]
    else:
        return place if isinstance(value, str) and _CREDENTIALS.search(value) else ""
    return next((found for name, each in places if (found := find_password(each, name))), "")


def refuse_password(url: Any) -> None:
    """Raise `ReleaserError` for a URL with a password in it: whatever an obligation holds goes into the journal."""
    # scheme://user:password@host, as in RFC 3986 section 3.2.1; and ?password= as several drivers take it.
    text = url if isinstance(url, str) else ""
    user = text.partition("://")[2].partition("?")[0].rpartition("@")[0]
    if ":" in user or "password=" in text:
        text = "cannot owe it: the URL holds a password, and the journal must not"
        raise ReleaserError(
            f'{text}; put the URL into a variable or a file and give {{"env": NAME}} or {{"file": PATH}}'
        )


def without_password(value: Any) -> Any:
    """Return *value*, a URL or a reference to one that leads somewhere; raise `ReleaserError` as `refuse_password`."""
    refuse_password(value)
    reveal(value)
    return value


def secret_words(headers: Mapping[str, str], query: str = "") -> tuple[str, ...]:
    """
    Return what of a request nobody may read, the longest first: whatever a field or the *query* holds, but the usual.

    A field may be any service's own, so those are named that hold no secret; parts of a value count too, since who
    answers may quote a token without its scheme.
    """
    found = {query}
    for name, value in headers.items():
        if name.lower() not in _OPEN_HEADERS:
            found |= {value, *re.split(r"[\s,;=]+", value)}
    if query:
        from urllib.parse import unquote_plus  # noqa: PLC0415 - for those who have a query

        values = [each.partition("=")[2] for each in query.split("&")]
        found |= {*values, *map(unquote_plus, values)}
    longest = sorted(found, key=len, reverse=True)
    return tuple(each for each in longest if len(each) >= _LEAST_SECRET and each.lower() not in _SCHEMES)


def blanked(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without the *secrets*, of which a longer one stands before one that it holds."""
    for each in secrets:
        text = text.replace(each, BLANK)
    return text
