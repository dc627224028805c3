"""What several tables of a configuration file have in common: lengths of time, retries, requests."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, field

Duration = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$", examples=["30s", "500ms", "2m"])]
"""A length of time above zero, with its unit."""
Delay = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$", examples=["0s", "5s"])]
"""A length of time that may be zero, with its unit."""


class RetryConfig(Struct, forbid_unknown_fields=True):
    """When a failed attempt is repeated."""

    attempts: Annotated[int, Meta(ge=1, le=1000)] = 1
    """How often it is tried in all."""
    initial: Delay = "100ms"
    """The longest first pause."""
    maximum: Delay = "5s"
    """The longest pause of all."""
    factor: Annotated[float, Meta(ge=1, le=100)] = 2.0
    """By how much the longest pause grows."""
    on: list[Annotated[int, Meta(ge=0, le=599)]] | None = None
    """The exit codes, or HTTP status codes, that may pass; by default 75, or 408 425 429 500 502 503 504."""


class LookConfig(Struct, forbid_unknown_fields=True):
    """A page that is looked at."""

    url: str = ""
    """Where to, with http or https."""
    expect: list[Annotated[int, Meta(ge=100, le=599)]] = field(default_factory=list)
    """The status codes that mean done; by default all of 200 to 299."""
    headers: dict[str, str] = field(default_factory=dict)
    """More header fields."""
    headers_env: dict[str, str] = field(default_factory=dict)
    """More header fields, each with the name of the environment variable that holds its secret."""


class HttpConfig(LookConfig, forbid_unknown_fields=True):
    """A request that a handler sends."""

    method: str = "POST"
    """How."""
    body: str = ""
    """The body."""


class ExportConfig(Struct, forbid_unknown_fields=True):
    """Who sends away what became of each end, and of each crash."""

    kind: str = ""
    """What it is: `otlp`, `cloudevents`, `pushgateway`, `postgresql`, or the name of a plugin."""
    url: Any = ""
    """Where to; one with a secret in it as `{ env = "NAME" }` or `{ file = "PATH" }`."""
    headers: dict[str, Any] = field(default_factory=dict)
    """More header fields, each as text, or a secret as `{ env = "NAME" }` or `{ file = "PATH" }`."""
    arguments: dict[str, Any] = field(default_factory=dict, name="with")
    """What else it is told, by the names of its arguments; lengths of time have a unit."""
