"""What the table `[rehearsal]` of a configuration file may say; the one place of its keys, types and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from ..agent.schema_parts import Delay, Duration

Assertion = Literal[
    "no-request-lost", "order", "must-done", "nothing-left-behind", "within-window", "exit-code", "idempotent"
]
"""What can be asserted of an end."""
Span = str
"""A length of time with its unit, or two with `..` between them, of which each seed draws one: `0s..500ms`."""


class LoadConfig(Struct, forbid_unknown_fields=True):
    """The load that is on the program when its end comes."""

    url: str = ""
    """Where requests go; without it there is no load."""
    method: str = "GET"
    """How."""
    body: str = ""
    """The body of each request; `{id}` in it, and in the url, is the id of the request, also its `X-Request-Id`."""
    rate: Annotated[float, Meta(gt=0, le=10_000)] = 50.0
    """How many requests a second, of all clients together, as long as they are answered quickly enough."""
    clients: Annotated[int, Meta(ge=1, le=256)] = 4
    """How many clients, each with a connection that it keeps."""
    timeout: Duration = "5s"
    """How long an answer may take."""
    kept: str = ""
    """A file in which the id of each answered request stands exactly once when all is over."""
    requests: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """How many requests are made at most, all before the end; 0 for as many as there are until the program is left."""


class StepConfig(Struct, forbid_unknown_fields=True):
    """One step of the script of the end: one deed, at its time."""

    at: Span = "0s"
    """When, since the first step."""
    signal: str | None = None
    """The signal that the program gets."""
    write: str | None = None
    """The file that is written, with `text`: the notice of a source that looks at one."""
    text: str = ""
    """What is written, or sent."""
    post: str | None = None
    """The URL to which `text` is sent: the notice of a source that listens there."""
    run: list[str] | None = None
    """A command and its arguments, in the environment of the program; it must be done within 5 s."""


class ScenarioConfig(Struct, forbid_unknown_fields=True):
    """One way in which the end goes; each is rehearsed with each seed."""

    faults: list[str] = field(default_factory=list)
    """What goes wrong, each in words: `flush fails 2`, `db black-hole`, `disk full`, `kill at run-started`."""
    end: list[StepConfig] = field(default_factory=list)
    """The script, instead of the one for all."""
    platform: str = ""
    """The platform whose signals are the script, such as `docker` or `github-actions`."""
    window: Duration | None = None
    """After how long it is killed, instead of what is said for all: a deadline that is cut."""
    assertions: list[Assertion] | None = field(default=None, name="assert")
    """What is asserted, instead of what is said for all."""
    exit: list[Annotated[int, Meta(ge=-64, le=255)]] | None = None
    """The exit codes that are good, instead of those for all."""


class RehearsalConfig(Struct, forbid_unknown_fields=True):
    """
    What is rehearsed.

    In `command`, `env`, `ready`, `url`, `kept`, `gone`, `state`, `check` and the steps, `{port}` and `{probe_port}` are
    free ports, `{work}` is a directory of the run's own, `{seed}` its seed, and `{NAME}` the address of an upstream.
    """

    command: list[str] = field(default_factory=list)
    """The program and its arguments; what stands behind `--` takes its place."""
    agent: bool | None = None
    """Whether it is started by `processender run` with this file; by default where the file says more than this."""
    env: dict[str, str] = field(default_factory=dict)
    """More variables of its environment; `PORT` and `REHEARSAL_WORK` are there already."""
    cwd: str | None = None
    """Its working directory; by default that of the rehearsal."""
    ready: str = ""
    """The URL that answers 200 as long as the program is ready, or a text that it writes when it has started."""
    start_within: Duration = "10s"
    """How long it may take to start."""
    lead: Span = "100ms..300ms"
    """How long the load is on before the end comes."""
    propagation: Delay = "100ms"
    """How long clients still come after `ready` has failed: as long as a load balancer takes to notice."""
    end: list[StepConfig] = field(default_factory=list)
    """The script of the end; by default TERM."""
    platform: str = ""
    """The platform whose signals are the script, such as `docker` or `github-actions`."""
    window: Duration | None = None
    """After how long the program is killed; by default the grace of the file, or 30s."""
    seeds: Annotated[int, Meta(ge=1, le=100_000)] = 10
    """How many seeds; with the same seed the same is drawn."""
    jobs: Annotated[int, Meta(ge=0, le=256)] = 0
    """How many runs at the same time; 0 for as many as there are processors, or one where a URL has no `{port}`."""
    assertions: list[Assertion] | None = field(default=None, name="assert")
    """What is asserted; by default all but `idempotent`."""
    order: list[list[str]] = field(default_factory=list)
    """Chains of names of handlers, each of which must have ended before the next begins."""
    needs: list[list[str]] = field(default_factory=list)
    """Chains of names of handlers, each of which must be done, or the next must not run."""
    exit: list[Annotated[int, Meta(ge=-64, le=255)]] | None = None
    """The exit codes that are good, -n for death by signal n; by default 0, and 128+n or -n of the signal."""
    gone: list[str] = field(default_factory=list)
    """Patterns of files of which none may be left."""
    state: list[str] = field(default_factory=list)
    """Patterns of files whose content is the state that `idempotent` compares."""
    check: list[str] = field(default_factory=list)
    """A command whose output and exit code are the state that `idempotent` compares."""
    load: LoadConfig = field(default_factory=LoadConfig)
    """The load."""
    upstreams: dict[str, str] = field(default_factory=dict)
    """Addresses that the program reaches through a network that can fail, each `HOST:PORT`, by name."""
    scenarios: dict[str, ScenarioConfig] = field(default_factory=dict)
    """The ways in which the end goes, by name; without any there is one, `plain`."""
