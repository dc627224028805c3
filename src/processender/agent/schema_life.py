"""What a configuration file may say about the life of the command: restarts, hooks, checks and signs of life."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from .schema_parts import Delay, Duration, HttpConfig, RetryConfig


class BackoffConfig(Struct, forbid_unknown_fields=True):
    """The pause before each restart, drawn evenly from 0 to a length that grows."""

    initial: Delay = "100ms"
    """The longest first pause."""
    maximum: Delay = "30s"
    """The longest pause of all."""
    factor: Annotated[float, Meta(ge=1, le=100)] = 2.0
    """By how much the longest pause grows with each end after a short life."""


class GiveUpConfig(Struct, forbid_unknown_fields=True):
    """When the command is not started any more."""

    after: Annotated[int, Meta(ge=0, le=1000)] = 5
    """How many ends are too many; 0 for any number."""
    within: Duration = "60s"
    """In which time they count; a command that has run for so long begins anew with the shortest pause."""
    exit: Annotated[int, Meta(ge=0, le=255)] = 69
    """The exit code of the agent then."""


class RestartConfig(Struct, forbid_unknown_fields=True):
    """When and how the command is started again after it has ended."""

    policy: Literal["never", "on-failure", "always"] = "never"
    """When."""
    backoff: BackoffConfig = field(default_factory=BackoffConfig)
    """The pause before."""
    give_up: GiveUpConfig = field(default_factory=GiveUpConfig)
    """When no more."""


class HookConfig(Struct, forbid_unknown_fields=True):
    """One hook: a command or a request."""

    run: list[str] | None = None
    """The command and its arguments; no shell reads them."""
    http: HttpConfig | None = None
    """The request."""
    env: dict[str, str] = field(default_factory=dict)
    """More environment variables for the command."""
    cwd: str | None = None
    """The directory in which the command runs."""
    after: list[str] = field(default_factory=list)
    """Hooks of the same point that must have ended before, whatever their outcome."""
    needs: list[str] = field(default_factory=list)
    """Hooks of the same point that must have ended `done` before, or this one is skipped."""
    timeout: Duration | None = None
    """The longest it may take, retries included."""
    attempt_timeout: Duration | None = None
    """The longest that one attempt may take."""
    retry: RetryConfig = field(default_factory=RetryConfig)
    """When a failed attempt is repeated."""


class HooksConfig(Struct, forbid_unknown_fields=True):
    """What runs at the points of the command's life, by name."""

    limit: Duration = "60s"
    """How long all hooks of one point may take; those of pre_stop and post_stop belong to the plan and its grace."""
    pre_start: dict[str, HookConfig] = field(default_factory=dict)
    """Before each start of the command; when one fails, it is not started."""
    post_start: dict[str, HookConfig] = field(default_factory=dict)
    """After each start."""
    ready: dict[str, HookConfig] = field(default_factory=dict)
    """When it is ready: when its checks have succeeded, or at once where there are none."""
    pre_stop: dict[str, HookConfig] = field(default_factory=dict)
    """Before it is asked to end; not when it has ended by itself."""
    post_stop: dict[str, HookConfig] = field(default_factory=dict)
    """After each end."""
    on_restart: dict[str, HookConfig] = field(default_factory=dict)
    """Before each start but the first."""


class CheckConfig(Struct, forbid_unknown_fields=True):
    """One health check."""

    run: list[str] | None = None
    """The command that must end with 0; no shell reads it."""
    http: str | None = None
    """The address that must answer a GET."""
    tcp: str | None = None
    """The HOST:PORT that must accept a connection."""
    expect: list[Annotated[int, Meta(ge=100, le=599)]] = field(default_factory=list)
    """The status codes that mean well; by default all of 200 to 299."""
    kind: Literal["ready", "live", "startup"] = "ready"
    """Ready opens and shuts /readyz, live decides about /livez, startup holds both back until it has succeeded once."""
    every: Duration = "10s"
    """How long after one look comes the next."""
    timeout: Duration = "1s"
    """How long one look may take."""
    failures: Annotated[int, Meta(ge=1, le=1000)] = 3
    """How many failures in a row are believed."""
    successes: Annotated[int, Meta(ge=1, le=1000)] = 1
    """How many successes in a row are believed."""
    on_failure: Literal["none", "restart", "stop"] = "none"
    """What is done with a command whose check has failed."""


class HeartbeatConfig(Struct, forbid_unknown_fields=True):
    """The sign of life that the command gives, and what follows when it does not."""

    file: str | None = None
    """The file that the command touches."""
    socket: bool = False
    """Whether it sends datagrams to the socket that PROCESSENDER_HEARTBEAT names."""
    within: Duration = "30s"
    """How long after one sign the next one must come."""
    first: Duration | None = None
    """How long after the start the first one must come; by default as long as between two."""
    stacks_signal: str | None = None
    """The signal that makes it tell where it stands before it is killed, such as QUIT."""
    stacks_wait: Duration = "2s"
    """How long it has for that."""


class DeadlockConfig(Struct, forbid_unknown_fields=True):
    """What follows when the command gives neither a sign of life nor output."""

    silent: Duration = "60s"
    """For how long."""
    stacks_signal: str = "QUIT"
    """The signal that makes it tell where it stands before it is killed."""
    stacks_wait: Duration = "2s"
    """How long it has for that."""
