"""What is known of one crash."""

from __future__ import annotations

from collections.abc import Mapping

from ..hints import Any
from .record import Record
from .texts import counted

RECOVERY = "recovery"
"""The name of the built-in handler that settles what the dead have left; the others that follow a crash may name it."""


class CrashReport(Record):
    """The account of one crash, for people, notifiers and the file beside the reports. Data of JSON."""

    id: str
    """Sorts by time."""
    service: str
    """The name of the service."""
    cause: str
    """
    In one word: `signal` or `exit` where the end was seen; else `killed` (it vanished without a word: SIGKILL, or no
    memory was left), `cut` (its clean-up had begun and was cut off), `silent` (it is not heard any more) or `host` (the
    host went down with it). An agent tells more: `oom` (the kernel killed it for want of memory), and where it has
    ended the command itself `heartbeat` or `deadlock` (no sign of life came in time) or `check` (a health check
    failed); the manager of a unit `watchdog`, `timeout` or `oom-kill`.
    """
    at: float
    """When it was noticed, seconds since 1970."""
    pid: int
    """The process that crashed."""
    version: str = ""
    """The version of the service, as the environment tells it."""
    deployment: str = ""
    """The deployment that it belongs to."""
    zone: str = ""
    """The zone in which it ran."""
    node: str = ""
    """The node on which it ran."""
    command: tuple[str, ...] = ()
    """Its program; no arguments, which may hold secrets."""
    exit: int | None = None
    """The exit code that is passed on; None where nobody saw the end."""
    signal: str = ""
    """The name of the signal of which it died."""
    core: bool = False
    """Whether the kernel has written a core dump."""
    invocation: str = ""
    """The run of the unit, as systemd numbers them; empty outside of a unit."""
    restarts: int = 0
    """How often it was started again before."""
    events: tuple[dict[str, Any], ...] = ()
    """What happened last, each with `key` and `text`, and with `at`, monotonic seconds, where that is known."""
    stacks: str = ""
    """Where its threads stood, if a fatal signal or the last resort could still write that down."""
    obligations: tuple[dict[str, Any], ...] = ()
    """What it owed: `id`, `kind`, `key`, `ref` and `job` of each."""
    handlers: tuple[dict[str, Any], ...] = ()
    """
    What became of the handlers that follow a crash: `name`, `outcome` and `error` of each, and with `started_s` and
    `ended_s` when they ran, seconds since it was noticed.
    """
    told: bool = True
    """Whether those who follow a crash were told; not yet where a recovery came before the next start."""
    path: str = ""
    """The file that holds this account; empty if there is none."""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CrashReport | None:
        """Return the account that *data* of JSON hold, None for what is none of ours."""
        known = {name: data[name] for name in cls.fields if name in data}
        lists = ("command", "events", "obligations", "handlers")
        texts = (
            "id",
            "service",
            "cause",
            "signal",
            "stacks",
            "path",
            "invocation",
            "version",
            "deployment",
            "zone",
            "node",
        )
        if not all(isinstance(known.get(name, []), list) for name in lists):
            return None
        if not all(isinstance(known.get(name, ""), str) for name in texts):
            return None
        if not {"id", "service", "cause", "at", "pid"} <= set(known) or not isinstance(known["at"], int | float):
            return None
        if not all(isinstance(each, dict) for name in lists[1:] for each in known.get(name, ())):
            return None
        return cls(**{**known, **{name: tuple(known.get(name, ())) for name in lists}})

    @property
    def summary(self) -> str:
        """One line for a person."""
        how = {
            "signal": f"died of {self.signal}" + (" and left a core dump" if self.core else ""),
            "exit": f"ended with {self.exit}",
            "killed": "was killed or ran out of memory",
            "cut": "was cut off in its clean-up",
            "host": "went down with its host",
            "silent": "went silent",
            "oom": "was killed by the kernel because no memory was left",
            "heartbeat": "gave no sign of life and was killed",
            "deadlock": "was silent for too long and was killed",
            "check": "failed its health check and was ended",
            "watchdog": "was killed by the watchdog of its unit",
            "timeout": "was killed because the time of its unit was up",
            "oom-kill": "was killed because memory ran out",
        }
        owed = len(self.obligations)
        owing = f", owing {counted(owed, 'thing')}" if owed else ""
        who = f"{self.service} (process {self.pid})" if self.pid else self.service
        return f"{who} {how.get(self.cause, self.cause)}{owing}"
