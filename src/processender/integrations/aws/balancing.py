"""
Elastic Load Balancing, asked about one target of one group; what its client raises becomes an error of ours.

Source: the API reference, version 2015-12-01. A target that is not there can be deregistered without an error, though
some say `InvalidTarget`; the port is a part of what a target is, if it was registered with one.
"""

from __future__ import annotations

from collections.abc import Callable

from ...errors import HandlerError, Permanent, Transient
from ...hints import Any
from ...ports import Context

STEP_S = 5.0
"""The longest that one request may take."""
_PASSING = {"408", "429", "500", "502", "503", "504", "InternalError", "InternalFailure", "RequestTimeout"}
_PASSING |= {"ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "InvalidClientTokenId", "ExpiredToken"}


class Balancing:
    """One target of one group. Safe for threads."""

    def __init__(self, group: str, target: str, port: int | None, region: str, endpoint: str) -> None:
        """Make the client, which connects when it is used; raise `HandlerError` where it cannot be made."""
        try:
            from boto3.session import Session  # noqa: PLC0415 - 140 ms, for those who need it
            from botocore import exceptions  # noqa: PLC0415 - see above
            from botocore.config import Config  # noqa: PLC0415 - see above
            from botocore.parsers import ResponseParserError  # noqa: PLC0415 - see above
        except ImportError as error:
            text = "cannot drain at AWS: its client is missing"
            raise HandlerError(f"{text}; pip install 'processender[aws]'") from error
        self._errors: Any = exceptions
        # What is no answer of the service, such as a proxy's page; botocore has no common root for it.
        self._unreadable: Any = ResponseParserError
        self._group = group
        self._target: dict[str, Any] = {"Id": target} if port is None else {"Id": target, "Port": port}
        # Whoever calls has a retry policy of its own.
        config = Config(connect_timeout=STEP_S, read_timeout=STEP_S, retries={"total_max_attempts": 1})
        # An ARN names the region: arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/...
        region = region or (group.split(":")[3:4] or [""])[0]
        named = {"region_name": region, "endpoint_url": endpoint}
        try:
            self._client: Any = Session().client("elbv2", config=config, **{n: v for n, v in named.items() if v})
        except (exceptions.BotoCoreError, ValueError) as error:
            raise HandlerError(f"cannot drain at AWS: {error}") from error

    def state(self, ctx: Context) -> tuple[str, str]:
        """Return the state of the target, and the reason."""
        ask = self._client.describe_target_health
        told = self._call(ctx, lambda: ask(TargetGroupArn=self._group, Targets=[self._target]))
        try:
            health = told["TargetHealthDescriptions"][0]["TargetHealth"]
            return health["State"], health.get("Reason", "")
        except (LookupError, TypeError) as error:
            raise Transient(f"the load balancer of AWS tells no health of the target: {error!r}") from error

    def deregister(self, ctx: Context) -> None:
        """Deregister the target."""
        ask = self._client.deregister_targets
        self._call(ctx, lambda: ask(TargetGroupArn=self._group, Targets=[self._target]), gone="InvalidTarget")

    def register(self, ctx: Context) -> None:
        """Register the target."""
        ask = self._client.register_targets
        self._call(ctx, lambda: ask(TargetGroupArn=self._group, Targets=[self._target]))

    def delay(self, ctx: Context) -> float:
        """Return how long requests under way may take after the target was deregistered, seconds."""
        ask = self._client.describe_target_group_attributes
        found = self._call(ctx, lambda: ask(TargetGroupArn=self._group))["Attributes"]
        return float(next(e["Value"] for e in found if e["Key"] == "deregistration_delay.timeout_seconds"))

    def protocol(self, ctx: Context) -> str:
        """Return the protocol of the group."""
        ask = self._client.describe_target_groups
        found = self._call(ctx, lambda: ask(TargetGroupArns=[self._group]))["TargetGroups"]
        return str(found[0].get("Protocol", ""))

    def _call(self, ctx: Context, function: Callable[[], Any], gone: str = "") -> Any:
        return ctx.call("elastic load balancing", lambda: self._translate(function, gone))

    def _translate(self, function: Callable[[], Any], gone: str) -> Any:
        errors = self._errors
        try:
            return function()
        except errors.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if gone and code == gone:
                return None
            text = f"the load balancer of AWS refused it: {error}"
            if code in _PASSING or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
                raise Transient(text) from error
            raise Permanent(f"{text}; look at the policy of the role" if code in _DENIED else text) from error
        except (errors.NoCredentialsError, errors.PartialCredentialsError, errors.ParamValidationError) as error:
            raise Permanent(f"cannot ask the load balancer of AWS: {error}") from error
        except (errors.BotoCoreError, self._unreadable) as error:
            raise Transient(f"cannot reach the load balancer of AWS: {error}") from error
