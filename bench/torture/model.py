"""The words of the matrix: a case, one of its signals, and the account of one cell."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

COLUMNS = ("plain", "library", "agent")


@dataclass(frozen=True)
class Kick:
    """A signal, sent some seconds after the first one; to the program, or to the process that it named `target`."""

    at: float
    name: str
    to: str = "program"


@dataclass(frozen=True)
class Case:
    """One row: a program, what hangs in it, and the signals it gets."""

    name: str
    about: str
    plain: tuple[str, ...]
    library: tuple[str, ...]
    kicks: tuple[Kick, ...]
    needs: str = ""
    """The module without which the case cannot run."""
    limit: float = 7.0
    """How long the plain program is watched, seconds from the first signal."""
    request: bool = False
    """Whether a client holds a request open."""
    env: dict[str, str] = field(default_factory=dict)
    ready: int = 1
    """How many processes must say that they are ready (a busy port counts for the first)."""
    criticals: int = 1
    """How many processes have a critical clean-up."""
    not_early: str = ""
    """The mark that must not be there before the last signal."""
    where: str = ""
    """Where the library stands when it is not simply outermost."""


@dataclass
class Cell:
    """What one program did."""

    case: str
    column: str
    python: str
    signals: str
    limit: float
    stopped: bool = False
    seconds: float | None = None
    code: int | None = None
    critical: str = "not run"
    """`ran`, `not run`, or `reported: ...` when the report says what became of it."""
    children_left: int = 0
    early: bool = False
    """Whether the wrong process acted upon the signal."""
    verdict: str | None = None
    """What the report says; None without a report."""
    skipped: str = ""
    """Why the cell was not run."""
    ok: bool = False
    """Stopped in its window, nothing left, critical clean-up run or reported."""

    def judge(self) -> None:
        """Decide whether the cell meets the bar."""
        in_time = self.stopped and self.seconds is not None and self.seconds <= self.limit
        told = self.critical == "ran" or (self.column != "plain" and self.critical.startswith("reported"))
        self.ok = in_time and told and not self.children_left and not self.early

    def words(self) -> str:
        """Say it in one line."""
        if self.skipped:
            return self.skipped
        how = f"{self.seconds:.2f} s, rc {self.code}" if self.stopped else f"alive at {self.limit:g} s"
        clean = {"ran": "critical ran", "not run": "critical lost"}.get(self.critical, f"critical {self.critical}")
        left = f", {self.children_left} left" if self.children_left else ""
        early = ", the wrong process heard it" if self.early else ""
        return f"{how}, {clean}{left}{early}"

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)
