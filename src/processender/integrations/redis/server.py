"""A Redis server: from a URL, or a reference to one, to a client whose every step is bounded."""

from __future__ import annotations

from ...errors import ReleaserError, Transient
from ...hints import Any
from ...secret import reveal

CONNECT_S = 5.0
"""The longest that one step may take."""


class Connection:
    """One connection whose every step is bounded; what Redis raises becomes an error of ours."""

    def __init__(self, url: Any, seconds: float = CONNECT_S) -> None:
        """Take where Redis is, text or a reference, and how long a step may take."""
        try:
            import redis  # noqa: PLC0415 - for those who need it
            from redis.backoff import NoBackoff  # noqa: PLC0415 - see above
            from redis.retry import Retry  # noqa: PLC0415 - see above
        except ImportError as error:
            raise ReleaserError(
                "cannot reach Redis: its client is missing; pip install 'processender[redis]'"
            ) from error
        self._errors = redis.exceptions
        found = reveal(url)
        self._where = server(found)
        limit = max(0.001, min(seconds, CONNECT_S))
        try:
            # Whoever calls has a retry policy of its own.
            self._client: Any = redis.Redis.from_url(
                found, socket_timeout=limit, socket_connect_timeout=limit, retry=Retry(NoBackoff(), 0)
            )
        except ValueError:
            # What it says may hold a part of the password.
            text = "cannot reach Redis: its URL cannot be read"
            raise ReleaserError(f"{text}; write redis://host:port/0, with %-codes for odd signs in it") from None

    def __enter__(self) -> Any:
        """Return the client; it connects when it is used."""
        return self._client

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Close it, and translate what it raised."""
        self._client.close()
        errors = self._errors
        if error is None or not isinstance(error, errors.RedisError):
            return
        text = f"redis at {self._where}: {error}"
        passing = (errors.ConnectionError, errors.TimeoutError, errors.ReadOnlyError, errors.ClusterDownError)
        refused = (errors.AuthenticationError, errors.AuthorizationError, errors.NoPermissionError)
        if isinstance(error, passing) and not isinstance(error, refused):
            raise Transient(text) from error
        raise ReleaserError(text) from error


def server(url: str) -> str:
    """Return host, port and database, without credentials."""
    return url.partition("://")[2].partition("?")[0].rpartition("@")[2] or url.partition("://")[0]
