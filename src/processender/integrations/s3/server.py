"""Object storage with the face of S3: a client whose every step is bounded, and whose errors are ours."""

from __future__ import annotations

from ...errors import ReleaserError, Transient
from ...hints import Any

CONNECT_S = 10.0
"""The longest that one step of a releaser may take."""
_PASSING = {"408", "429", "500", "502", "503", "504", "InternalError", "OperationAborted", "RequestTimeout"}
_PASSING |= {"ServiceUnavailable", "SlowDown", "Throttling", "ThrottlingException", "ConditionalRequestConflict"}


class NeverSent(ReleaserError):
    """No request has left this process, so nothing was made."""


class Client:
    """A client of boto3; without a limit in *seconds* it has boto3's own. What it raises becomes an error of ours."""

    def __init__(self, endpoint: Any, region: Any, seconds: float | None) -> None:
        """Take where the service is, if it is not AWS's, and how long a step may take."""
        try:
            from boto3.session import Session  # noqa: PLC0415 - 140 ms, for those who need it
            from botocore import exceptions  # noqa: PLC0415 - see above
            from botocore.config import Config  # noqa: PLC0415 - see above
        except ImportError as error:
            text = "cannot reach the object storage: its client is missing"
            raise NeverSent(f"{text}; pip install 'processender[s3]'") from error
        self._errors: Any = exceptions
        config: dict[str, Any] = {}
        if seconds is not None:
            limit = max(0.1, min(seconds, CONNECT_S))
            # Whoever calls has a retry policy of its own.
            config = {"connect_timeout": limit, "read_timeout": limit, "retries": {"total_max_attempts": 1}}
        names = {"endpoint_url": endpoint, "region_name": region}
        known = {name: value for name, value in names.items() if isinstance(value, str) and value}
        try:
            self._client: Any = Session().client("s3", config=Config(**config), **known)
        except (exceptions.BotoCoreError, ValueError) as error:
            raise NeverSent(f"cannot reach the object storage: {error}") from error

    def __enter__(self) -> Any:
        """Return the client; it connects when it is used."""
        return self._client

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Close it, and translate what it raised."""
        self._client.close()
        if isinstance(error, self._errors.ClientError):
            code = code_of(error)
            text = f"the object storage refused it: {error}"
            raise (Transient(text) if code in _PASSING else ReleaserError(text)) from error
        unsent = (self._errors.NoCredentialsError, self._errors.PartialCredentialsError,
                  self._errors.ParamValidationError)  # fmt: skip
        if isinstance(error, unsent):
            raise NeverSent(f"cannot ask the object storage: {error}") from error
        if isinstance(error, self._errors.BotoCoreError):
            raise Transient(f"cannot reach the object storage: {error}") from error


def code_of(error: Any) -> str:
    """Return the code with which the service refused."""
    return str(error.response.get("Error", {}).get("Code", ""))
