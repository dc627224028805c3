"""Accounts sent to an archive in PostgreSQL, so that one question covers a fleet."""

from __future__ import annotations

from ..errors import AccountRefused, ArchiveError, Unreachable
from ..hints import Any
from ..ports import Context
from ..secret import check_reference, refuse_password
from .postgres import connected, write


def exporter(url: Any, *, timeout: float = 10.0, name: str = "postgresql") -> PostgresExporter:
    """
    Return what writes accounts to the archive at *url*, for `Ender(exporters=[...])`.

    Args:

        url: `postgresql://user@host:port/database`; one with a password as a reference, `{"env": NAME}` or
            `{"file": PATH}`, which is looked up whenever something is sent.

        timeout: How long writing one account may take, seconds.

        name: What it is called, where there are several.
    """
    check_reference(url, "url")
    refuse_password(url)
    return PostgresExporter(name, url, timeout)


class PostgresExporter:
    """Writes accounts to an archive in PostgreSQL; made by `exporter`."""

    def __init__(self, name: str, url: Any, timeout: float) -> None:
        """Take its *name*, where the server is, and how long writing may take."""
        self.name = name
        """What it is called."""
        self._url = url
        self._timeout = timeout

    def send(self, account: dict[str, Any], ctx: Context) -> None:
        """Write the *account*; raise `Unreachable`, `ArchiveError`, or `AccountRefused` for what is none."""
        within = min(self._timeout, ctx.remaining())
        try:
            connection = connected(self._url, within)
        except ArchiveError as error:
            raise Unreachable(str(error)) from error
        try:
            write(connection, [account], min(self._timeout, ctx.remaining()))
        except ValueError as error:
            raise AccountRefused(f"the archive cannot take it: {error}") from error
