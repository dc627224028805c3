"""A PostgreSQL server: from a URL, or a reference to one, to a connection that looks and ends others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...core.obligation import Obligation
from ...errors import ReleaserError, Transient
from ...hints import Any
from ...secret import reveal

LOOK_S = 10.0
"""How long connecting may take."""


@contextmanager
def serving(obligation: Obligation, seconds: float) -> Iterator[Any]:
    """Connect within *seconds*, 2 at least; what the server refuses is permanent, what may pass is `Transient`."""
    psycopg = driver()
    settings = parsed(obligation.args.get("url"))
    wait = max(2, int(min(seconds, LOOK_S)))
    settings |= {"application_name": "processender", "connect_timeout": wait, "tcp_user_timeout": wait * 1000}
    try:
        with psycopg.connect(autocommit=True, **settings) as server:
            yield server
    except psycopg.Error as error:
        text = f"cannot release {obligation.label}: PostgreSQL at {address(settings)}: {error}"
        if isinstance(error, psycopg.OperationalError) and not _is_refused(error):
            raise Transient(text) from error
        raise ReleaserError(f"{text}; mend the role, its password or the record, then retry it") from error


def _is_refused(error: Any) -> bool:
    """Tell whether the password is wrong or missing; libpq hands on no SQLSTATE of a connection that failed."""
    asked = error.pgconn is not None and bool(error.pgconn.needs_password)
    return asked or (error.sqlstate or "").startswith("28") or "password authentication failed" in str(error)


def parsed(url: Any) -> dict[str, Any]:
    """Return the parts of the URL; the message never shows one, not even of a URL that cannot be read."""
    psycopg = driver()
    try:
        settings: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(reveal(url))
    except psycopg.Error:
        settings = {"port": "unknown"}
    if not all(port.isdigit() for port in str(settings.get("port") or 5432).split(",")):
        text = "cannot read the URL of the PostgreSQL server; write postgresql://user@host:port/database"
        raise ReleaserError(f"{text}, with %-codes for what is no letter or digit")
    return settings


def address(settings: dict[str, Any]) -> str:
    """Return host and port, and nothing else of the URL."""
    return f"{settings.get('host') or settings.get('hostaddr') or 'local'}:{settings.get('port') or 5432}"


def driver() -> Any:
    """Return psycopg, or raise `ReleaserError`."""
    try:
        import psycopg  # noqa: PLC0415 - for those who have a PostgreSQL
    except ImportError as error:
        text = f"cannot reach PostgreSQL: {error}"
        raise ReleaserError(f"{text}; install it with: pip install 'processender[postgres]'") from error
    return psycopg
