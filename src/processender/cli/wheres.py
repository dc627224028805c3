"""Where an archive is, as it is written on a command line, which is no place for a password."""

from __future__ import annotations


def referred(where: str) -> str | dict[str, str]:
    """Return *where*, or the reference to a secret that it is: `env:NAME`, or `file:PATH`."""
    kind, colon, name = where.partition(":")
    return {kind: name} if colon and kind in {"env", "file"} and not name.startswith("//") else where


def public(where: str) -> str:
    """Return *where* without what may be a password."""
    scheme, slashes, rest = where.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2].partition('?')[0]}" if slashes else where
