"""What the agent runs with, wherever it was said: flags, environment, file, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.record import Record
from ..hints import Any
from . import kernel
from .steps import Step

GRACE_S = 30.0


class Style(Record):
    """How the output of a command is passed on."""

    raw: bool = False
    """Whether it is passed on as it is."""
    timestamps: bool = True
    """Whether each line begins with its time."""
    streams: bool = True
    """Whether each line names its stream."""
    prefix: str = ""
    """What stands before the text of each line."""
    as_json: bool = False
    """Whether each line is an object of JSON."""
    max_line: int = 16384
    """After how many bytes a line is split."""


class Settings(Record):
    """Everything that was decided before the command starts. Times are seconds as float."""

    service: str = ""
    """The name of the service; empty means that of the command."""
    grace: float = GRACE_S
    """The whole time from the notice to the end."""
    grace_given: bool = False
    """Whether somebody has said so; otherwise what the manager of a unit gives may be longer."""
    drain_delay: float = 0.0
    """How long the command still serves after readiness has failed."""
    probe_listen: str = ""
    """Where /livez and /readyz are served, as HOST:PORT; empty means nowhere."""
    control_listen: str = ""
    """Where /status, /metrics, /drain, /resume and /stop are served, as HOST:PORT; empty means nowhere."""
    control_tokens: Mapping[str, str] = {}
    """The secrets of those who may change something by HTTP, by their names."""
    on_drain: str = "fail-readiness"
    """`fail-readiness` at once, or `keep-serving` for the length of the drain delay."""
    strict: bool = False
    """Whether a clean exit after an unclean shutdown becomes 70."""
    exit: str = "code"
    """How the command's death by signal n is passed on: `code` as 128+n, `reraise` by dying of it."""
    stop_signal: int = kernel.TERM
    """The signal that asks the command to end."""
    stop_steps: tuple[Step, ...] = ()
    """The steps that ask it; none means the stop signal alone."""
    lean: bool = False
    """Whether what only the end needs is loaded only then."""
    setsid: bool | None = None
    """Whether the command leads a session of its own; None means unless it is started at the agent's own terminal."""
    kill_group: bool = False
    """Whether what is sent to the command goes to its whole process group."""
    wait_tree: bool = True
    """Whether what the command leaves behind is brought to its end too."""
    rewrite: Mapping[int, int] = {}
    """What is sent to the command in the place of which signal; 0 for nothing."""
    policy: Mapping[int, str] = dict.fromkeys((kernel.TERM, kernel.INT, kernel.QUIT, kernel.HUP), "stop")
    """What a signal means: `stop`, `forward` (also of those not named), `reload` or `ignore`."""
    expect_exit: frozenset[int] = frozenset()
    """The exit codes of the command that become 0."""
    parent_death: int = 0
    """The signal that the agent gets when its parent ends; 0 for none."""
    verbosity: int = 0
    """How much the agent tells: -1 for what goes wrong only, 1 for everything."""
    ready: str = "started"
    """When the command is ready for the manager of the unit: `started`, or `notify` when it says so itself."""
    watchdog: str = "own"
    """Who feeds the watchdog of the unit: the agent on its `own`, or, with `pass`, only while the command does too."""
    extend_to: float | None = None
    """How long the whole end may take in a unit, by asking for more time; None means the time of the unit."""
    require: tuple[tuple[str, ...], ...] = ()
    """Chains of names that every plan must imply."""
    lanes: Mapping[str, int] = {}
    """The capacity of each named resource."""
    handlers: tuple[Any, ...] = ()
    """The configured clean-up steps, each a `Handler`, whose room few commands need."""
    crash_recover: bool = True
    """Whether what the dead of this service have left is released after a crash of the command."""
    crash_grace: float = GRACE_S
    """How long all that follows a crash may take."""
    crash_handlers: tuple[Any, ...] = ()
    """What follows a crash; the calls take the `CrashReport` and the `Context`."""
    termination_log: str = "/dev/termination-log"
    """The file of the container's termination message, which the outcome is left in if it is there; empty for none."""
    tell: tuple[str, ...] = ()
    """Who else is told of what happens, see `agent.tellers`."""
    restart: str = "never"
    """When the command is started again after it has ended: `never`, `on-failure` or `always`."""
    restarts: Any = None
    """How it is started again, see `core.restarts.Restarts`; None for the usual way."""
    hooks: Mapping[str, tuple[Any, ...]] = {}
    """The hooks by the points of the command's life, see `agent.hooks.POINTS`."""
    hooks_limit: float = 60.0
    """How long all hooks of one point may take, but for those that belong to the plan of the end."""
    sources: tuple[Any, ...] = ()
    """What listens for notices, each a `Source`."""
    exporters: tuple[Any, ...] = ()
    """Who sends accounts away, each an `Exporter`."""
    checks: tuple[Any, ...] = ()
    """The health checks, see `core.care.Check`."""
    vigils: tuple[Any, ...] = ()
    """The waits for signs of life, see `core.care.Vigil`."""
    profile: str = ""
    """The profile that holds; empty if none does."""
    file: str = ""
    """The file that it comes from; empty if there is none."""
    root: tuple[str, ...] = ()
    """The keys under which it stands in that file."""
    written: Mapping[str, object] = {}
    """Tables whose settings cannot be compared, such as `hooks`, as they were written."""
    capture: bool = False
    """Whether the agent reads the output of the command and passes it on line by line."""
    output: Style = Style()
    """How it does so."""
    json_lines: bool = False
    """Whether what the agent tells on standard error is JSON."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that ask the command to end."""
        return self.stop_steps or (Step(self.stop_signal),)

    @property
    def feeds(self) -> bool:
        """Whether the command's standard input is a pipe that the agent fills, and can close."""
        return any(step.close_stdin for step in self.stop_steps)

    @property
    def hears(self) -> bool:
        """Whether the command's output is a sign of life."""
        return any(each.cause == "deadlock" for each in self.vigils)

    @property
    def lives(self) -> bool:
        """Whether there is more to do about the life of the command than to start it once."""
        return self.restart != "never" or bool(self.hooks or self.checks or self.vigils)
