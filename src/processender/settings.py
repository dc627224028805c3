"""What an Ender was told, checked when it is made and not at the end."""

from __future__ import annotations

import _signal
import os
from collections.abc import Iterable

from .core.graph import nearest
from .core.record import Record
from .core.spans import LONGEST_S
from .errors import HandlerError, StateError
from .ports import Exporter, Observer, check_kind
from .telemetry.state import file_name

_CHOICES = {
    "displaced": ("before", "after-run", "never"),
    "theft": ("report", "rearm"),
    "exit": ("zero", "signal", "reraise", "return"),
    "journal": ("refuse", "allow-unjournaled"),
    "recover": ("never", "on-start"),
    "on_drain": ("fail-readiness", "keep-serving", None),
}


class Settings(Record):
    """What an Ender was told; see its arguments."""

    name: str
    grace: float
    signals: tuple[str, ...]
    escalate: tuple[str, ...]
    displaced: str
    theft: str
    exit: str
    state: str | None
    observers: tuple[Observer, ...] | None
    version: str
    journal: str = "refuse"
    recover: str = "never"
    drain_delay: float | None = None
    on_drain: str | None = None
    limits: dict[str, float] = {}  # noqa: RUF012 - a record is never changed
    kept_as: str = ""
    exporters: tuple[Exporter, ...] = ()
    dump: str = ""
    in_front: bool = False
    """Whether it stands in front of a command, which may be over in a moment."""

    @property
    def place_name(self) -> str:
        """The name under which reports and what is owed are kept: that of the agent, if there is one."""
        return self.kept_as or self.name

    def check(self) -> None:
        """Raise `HandlerError` for what makes no sense."""
        if not self.name:
            raise HandlerError("cannot make an Ender without a name: it stands in log lines and in the report's path")
        if not isinstance(self.grace, int | float) or not 0 < self.grace <= LONGEST_S:
            raise HandlerError(f"cannot make an Ender with grace={self.grace!r}: give seconds, a number like 30.0")
        times = {"drain_delay": self.drain_delay, **{f"limits[{kind!r}]": limit for kind, limit in self.limits.items()}}
        for field, seconds in times.items():
            if seconds is not None and not (isinstance(seconds, int | float) and 0 <= seconds <= LONGEST_S):
                raise HandlerError(f"cannot make an Ender with {field}={seconds!r}: give seconds, a number like 5.0")
        for each in self.exporters:
            check_kind(each, ("name", "send"), "an exporter", "Ender(exporters=[otlp.exporter(url)])")
        names = [each.name for each in self.exporters]
        if len({*map(file_name, names)}) < len(names):
            raise HandlerError(f"cannot make an Ender with two exporters of one name, of {names}: give name=")
        if self.drain_delay and self.drain_delay >= self.grace:
            given = f"drain_delay={self.drain_delay!r} and grace={self.grace!r}"
            raise HandlerError(f"cannot make an Ender with {given}: no time would be left to end; give a shorter delay")
        if self.dump and not {*numbers([self.dump])}.isdisjoint(numbers(self.signals)):
            raise HandlerError(f"cannot make an Ender with dump={self.dump!r}: it is one of `signals`, which end it")
        for field, known in _CHOICES.items():
            given = getattr(self, field)
            if given not in known:
                raise HandlerError(
                    f"cannot make an Ender with {field}={given!r}"
                    + nearest(str(given), [name for name in known if name])
                )


def numbers(names: Iterable[str]) -> list[int]:
    """Return the numbers of the signals with these *names*; raise `ValueError` for one that does not exist."""
    found = []
    for name in names:
        # The half of `signal` that is written in C also has SIG_IGN and the like.
        number = getattr(_signal, name, None)
        if not name.startswith("SIG") or name.startswith("SIG_") or not isinstance(number, int):
            raise ValueError(f"there is no signal named {name!r}; write it like 'SIGTERM'")
        if name in {"SIGKILL", "SIGSTOP"}:
            raise ValueError(f"cannot hear {name}: no process can; leave it out of `signals`")
        found.append(number)
    return found


class Importing:
    """An application that is imported to be looked at, not to run."""

    module = ""
    """Its module, while that is imported; empty otherwise."""


def may_arm(*, enters: bool) -> bool:
    """Tell whether an Ender may take signals up; raise `StateError` for one that *enters* a body that must not run."""
    if Importing.module and enters:
        text = f"cannot enter an Ender while {Importing.module!r} is only imported: the program itself would run"
        raise StateError(f'{text}; put what runs it under `if __name__ == "__main__":`')
    return not Importing.module and os.environ.get("PROCESSENDER_DISABLE") != "1"
