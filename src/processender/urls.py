"""A URL of http or https: read and checked long before it is needed, and shown without what may be a secret."""

from __future__ import annotations

import re

from .errors import HandlerError
from .hints import Any


class URL:
    """Where a request goes."""

    def __init__(self, url: Any) -> None:
        """Take it apart; raise `HandlerError` for what nothing can be sent to."""
        from urllib.parse import urlsplit  # noqa: PLC0415 - for those who send something

        shown = without_secrets(url)
        if not url.isprintable() or " " in url:
            raise HandlerError(f"cannot send to {shown!r}: a URL has no spaces and control signs; a space is `%20`")
        try:
            parts = urlsplit(url)
            self.port = parts.port
            """The port, None if it is that of the scheme."""
        except ValueError:
            # What it says may quote a user and a password.
            raise HandlerError(f"cannot send to {shown!r}: its host, or its port, is none") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise HandlerError(f"cannot send to {shown!r}: it must be a URL with http or https and a host")
        self.is_secure = parts.scheme == "https"
        """Whether it is one of https."""
        self.host: str = parts.hostname
        """The host."""
        self.server = parts.netloc.rpartition("@")[2]
        """The host and, where it is said, the port."""
        self.query = parts.query
        """What stands behind the question mark."""
        self.target = (parts.path or "/") + (f"?{self.query}" if self.query else "")
        """What the request asks for."""
        self.shown = f"{parts.scheme}://{self.server}{parts.path}"
        """The URL without the query, which may hold a secret."""
        if not self.target.isascii():
            raise HandlerError(f"cannot send to {shown!r}: behind the host it must be ASCII; an é is `%C3%A9`")
        try:
            # The name service wants this codec, which Python loads when it is first used.
            self.host.encode("idna")
        except ValueError as error:
            raise HandlerError(f"cannot send to {shown!r}: {error}") from error


def below(base: str, path: str) -> str:
    """Return the URL of *path* below *base*; raise `HandlerError` for one to which nothing can be added."""
    if "?" in base or "#" in base:
        raise HandlerError(f"cannot send below {without_secrets(base)!r}: leave out what begins with `?` or `#`")
    return f"{base.rstrip('/')}/{path}"


def without_secrets(url: Any) -> str:
    """Return the beginning of *url*, without a user; raise `HandlerError` for what is no text."""
    if not isinstance(url, str):
        raise HandlerError(f"cannot send to a {type(url).__name__}: a URL is a text with http or https and a host")
    return re.sub(r"(?:(?<=/)|^)[^/?#]*@", "", re.split(r"[?#]", url, maxsplit=1)[0])
