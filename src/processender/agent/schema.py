"""
What a configuration file may say; the one place where its keys, types and defaults stand.

Loaded only when there is a file or an override: `msgspec` costs an agent without one nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from .schema_life import CheckConfig, DeadlockConfig, HeartbeatConfig, HooksConfig, RestartConfig
from .schema_parts import Delay, Duration, ExportConfig, HttpConfig, LookConfig, RetryConfig

Importance = Literal["must", "should", "may"]
"""What is given up first when the window is too short."""


class HandlerConfig(Struct, forbid_unknown_fields=True):
    """One clean-up step: a command or a request, its place in the order, and its time."""

    run: list[str] | None = None
    """The command and its arguments; no shell reads them."""
    http: HttpConfig | None = None
    """The request."""
    env: dict[str, str] = field(default_factory=dict)
    """More environment variables for the command."""
    cwd: str | None = None
    """The directory in which the command runs."""
    phase: str | None = None
    """The stretch of the order in which it runs; by default `close`, and `drain` for a drainer."""
    after: list[str] = field(default_factory=list)
    """Handlers that must have ended before, whatever their outcome."""
    needs: list[str] = field(default_factory=list)
    """Handlers that must have ended `done` before, or this one is skipped."""
    before: list[str] = field(default_factory=list)
    """Handlers that wait for this one."""
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    """Inside its phase, higher ends before lower starts."""
    importance: Importance = "should"
    """What is given up first when the window is too short."""
    value: Annotated[float, Meta(ge=0)] = 1.0
    """What it is worth against others of the same importance."""
    timeout: Duration | None = None
    """The longest it may take, retries included."""
    attempt_timeout: Duration | None = None
    """The longest that one attempt may take."""
    expected: Delay | None = None
    """How long it usually takes."""
    retry: RetryConfig = field(default_factory=RetryConfig)
    """When a failed attempt is repeated."""
    lane: str | None = None
    """The resource of limited capacity that it occupies."""


class EndHandlerConfig(HandlerConfig, forbid_unknown_fields=True):
    """One step of the end; instead of a command or a request it may be a drainer."""

    drain: str | None = None
    """The name of the drainer that leaves traffic, and comes back, such as haproxy or consul."""
    arguments: dict[str, Any] = field(default_factory=dict, name="with")
    """What the drainer is told, by the names of its arguments; lengths of time have a unit."""


class SourceConfig(Struct, forbid_unknown_fields=True):
    """What listens for notices that the end is coming."""

    listen: str = ""
    """What it listens to, such as aws or gcp."""
    arguments: dict[str, Any] = field(default_factory=dict, name="with")
    """What it is told, by the names of its arguments; lengths of time have a unit."""


class StopConfig(Struct, forbid_unknown_fields=True):
    """One step that asks the command to end: one deed, and when the next step comes."""

    signal: str | None = None
    """The signal that it is sent."""
    run: list[str] | None = None
    """A command and its arguments; `PROCESSENDER_PID` is the number of the command that is to end."""
    http: HttpConfig | None = None
    """A request."""
    close_stdin: bool = False
    """Whether its standard input, which the agent then feeds from its own, is closed."""
    wait: Delay | None = None
    """After how long the next step comes; by default what the others leave."""
    until_http: LookConfig | None = None
    """The next step comes as soon as a GET is answered as expected."""
    until_closed: str | None = None
    """The next step comes as soon as no TCP connection to this port (`8080` or `127.0.0.1:8080`) is established."""
    until_gone: str | None = None
    """The next step comes as soon as this file is gone."""


class CommandConfig(Struct, forbid_unknown_fields=True):
    """How the command is ended."""

    stop_signal: str | None = None
    """The signal that asks it to end; by default TERM."""
    preset: (
        Literal["apache", "celery", "gunicorn", "haproxy", "java", "nginx", "php-fpm", "postgres", "unicorn"] | None
    ) = None
    """The steps that a known program is ended with."""
    stop: list[StopConfig] = field(default_factory=list)
    """The steps that ask it to end, one after the other."""


class OutputConfig(Struct, forbid_unknown_fields=True):
    """How the output of the command is passed on."""

    capture: bool = False
    """Whether the agent reads it and passes it on line by line; otherwise the command writes where the agent would."""
    timestamps: bool = True
    """Whether each line begins with its time, in UTC."""
    streams: bool = True
    """Whether each line names its stream, `stdout` or `stderr`."""
    prefix: str = ""
    """What stands before the text of each line."""
    max_line: Annotated[int, Meta(ge=64, le=1_048_576)] = 16384
    """After how many bytes a line is split."""


class CrashHandlerConfig(HandlerConfig, forbid_unknown_fields=True):
    """One step that follows a crash; beside a command or a request it may be one of the built-in notifiers."""

    webhook: HttpConfig | None = None
    """The request that brings the account of the crash, as a CloudEvent."""
    systemd: bool = False
    """Whether the manager of the unit is told, as STATUS and ERRNO."""
    termination_log: str | None = None
    """The file of the container's termination message, such as /dev/termination-log."""


class OnCrashConfig(Struct, forbid_unknown_fields=True):
    """What follows a crash of the command."""

    recover: bool = True
    """Whether what the dead of this service have left is released, by a handler named `recovery`."""
    grace: Duration = "30s"
    """How long all of that may take."""
    handlers: dict[str, CrashHandlerConfig] = field(default_factory=dict)
    """The steps that follow a crash, by name."""


class TokenConfig(Struct, forbid_unknown_fields=True):
    """Where the secret of a token is found."""

    env: str | None = None
    """The environment variable that holds it."""
    file: str | None = None
    """The file that holds it."""


class ControlConfig(Struct, forbid_unknown_fields=True):
    """The control face."""

    listen: str | None = None
    """Where it is served; loopback if only a port is named."""
    tokens: dict[str, TokenConfig] = field(default_factory=dict)
    """Who may change something, by the names under which that is recorded."""


class SystemdConfig(Struct, forbid_unknown_fields=True):
    """What the agent does as the main process of a systemd unit."""

    extend_to: Duration | None = None
    """How long the whole end may take in a unit, by asking for more time than it gives; there it is the grace."""
    watchdog: Literal["own", "pass"] = "own"
    """Who feeds the watchdog: the agent on its own, or only while the command feeds the one that it is passed."""


class OrderConfig(Struct, forbid_unknown_fields=True):
    """What every plan must imply."""

    require: list[list[str]] = field(default_factory=list)
    """Chains of names of handlers or phases, each before the next."""


class Config(Struct, forbid_unknown_fields=True):
    """The whole file."""

    service: str | None = None
    """The name of the service; by default that of the command."""
    grace: Duration | None = None
    """The whole time from the notice to the end; by default 30s, and in a unit what its TimeoutStopSec gives."""
    drain_delay: Delay = "0s"
    """How long the command still serves after readiness has failed."""
    probe_listen: str | None = None
    """Where /livez, /readyz and /startupz are served."""
    on_drain: Literal["fail-readiness", "keep-serving"] = "fail-readiness"
    """What /readyz says during the drain delay."""
    strict: bool = False
    """Whether a clean exit after an unclean shutdown becomes 70."""
    exit: Literal["code", "reraise"] = "code"
    """How the death of the command by a signal is passed on: as 128+n, or by dying of it."""
    termination_log: str = "/dev/termination-log"
    """The file of the container's termination message, which the outcome is left in if it is there; empty for none."""
    tell: list[Literal["journald", "kubernetes"]] = field(default_factory=list)
    """Who else is told of what happens: journald, with fields, or the cluster, by events that stand at the pod."""
    command: CommandConfig = field(default_factory=CommandConfig)
    """How the command is ended."""
    output: OutputConfig = field(default_factory=OutputConfig)
    """How the output of the command is passed on."""
    on_crash: OnCrashConfig = field(default_factory=OnCrashConfig)
    """What follows a crash of the command."""
    control: ControlConfig = field(default_factory=ControlConfig)
    """The control face."""
    restart: RestartConfig = field(default_factory=RestartConfig)
    """When and how the command is started again."""
    hooks: HooksConfig = field(default_factory=HooksConfig)
    """What runs at the points of the command's life."""
    checks: dict[str, CheckConfig] = field(default_factory=dict)
    """The health checks, by name."""
    heartbeat: HeartbeatConfig | None = None
    """The sign of life that the command gives."""
    deadlock: DeadlockConfig | None = None
    """For how long the command may be silent."""
    ready: Literal["started", "notify"] = "started"
    """When systemd is told that the command is ready: as it is started, or as it says so on its NOTIFY_SOCKET."""
    systemd: SystemdConfig = field(default_factory=SystemdConfig)
    """What is done as the main process of a systemd unit."""
    order: OrderConfig = field(default_factory=OrderConfig)
    """What every plan must imply."""
    lanes: dict[str, Annotated[int, Meta(ge=1, le=100_000)]] = field(default_factory=dict)
    """The resources of limited capacity, each with how many handlers may use it at once."""
    sources: dict[str, SourceConfig] = field(default_factory=dict)
    """What listens for notices, by name."""
    handlers: dict[str, EndHandlerConfig] = field(default_factory=dict)
    """The clean-up steps, by name."""
    export: dict[str, ExportConfig] = field(default_factory=dict)
    """Who sends away what became of each end, by name."""
    use_profile: str = "auto"
    """Which profile holds: `auto` for that of the platform, `none`, or its name."""
    rehearsal: dict[str, Any] = field(default_factory=dict)
    """What `processender rehearse` does; the agent reads over it."""
    profile: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What differs by platform: below each name the same keys once more, and `without`, see `agent.profiles`."""
