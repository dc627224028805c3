"""Clients of AWS for what the metadata service cannot do, and what their errors are to those who look."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import Permanent, SourceError, Transient
from ...hints import Any

STEP_S = 5.0
"""The longest that one request may take."""
POLL_S = 20
"""How long a queue may hold a request that finds nothing; more than that it does not."""


class Client:
    """One service, by boto3."""

    def __init__(self, service: str, region: str, endpoint: str) -> None:
        """Make the client, which connects when it is used; raise `SourceError` where it cannot be made."""
        try:
            from boto3.session import Session  # noqa: PLC0415 - 140 ms, for those who need it
            from botocore import exceptions  # noqa: PLC0415 - see above
            from botocore.config import Config  # noqa: PLC0415 - see above
        except ImportError as error:
            text = f"cannot ask the service {service!r} of AWS: its client is missing"
            raise SourceError(f"{text}; pip install 'processender[aws]'") from error
        self._errors: Any = exceptions
        self._service = service
        wait = STEP_S + (POLL_S if service == "sqs" else 0)
        config = Config(connect_timeout=STEP_S, read_timeout=wait, retries={"total_max_attempts": 1})
        named = {"region_name": region, "endpoint_url": endpoint}
        try:
            self.api: Any = Session().client(service, config=config, **{n: v for n, v in named.items() if v})
        except (exceptions.BotoCoreError, ValueError) as error:
            hint = "; give `region`, or set AWS_DEFAULT_REGION" if isinstance(error, exceptions.NoRegionError) else ""
            text = f"cannot ask the service {service!r} of AWS: {str(error).removesuffix('.')}"
            raise SourceError(f"{text}{hint}") from error

    def ask(self, function: Callable[[], Any]) -> Any:
        """Call *function*; raise `Transient` or `Permanent` for what the client raises."""
        try:
            return function()
        except self._errors.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            kind = Transient if status >= 500 or status == 429 else Permanent
            raise kind(f"the service {self._service!r} of AWS refused it: {error}") from error
        except self._errors.BotoCoreError as error:
            raise Transient(f"cannot reach the service {self._service!r} of AWS: {error}") from error
