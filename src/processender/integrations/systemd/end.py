"""
How the service of a unit has ended, as its manager tells those that run afterwards.

Source: systemd.exec(5): SERVICE_RESULT, EXIT_CODE and EXIT_STATUS for ExecStopPost=; the same behind MONITOR_ for a
unit that OnFailure= starts.
"""

from __future__ import annotations

from ...core.record import Record
from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CUT_OFF = ("watchdog", "timeout", "oom-kill", "signal", "core-dump")
"""The results of a main process that did not go by itself."""
_HOW = ("exited", "killed", "dumped")


class UnitEnd(Record):
    """The end of one service."""

    result: str
    """In one word, such as `success`, `exit-code`, `signal`, `timeout` or `watchdog`."""
    how: str = ""
    """`exited`, `killed` or `dumped`; empty if its main process never ran."""
    status: str = ""
    """The exit code of the main process, or the name of the signal without `SIG`."""
    invocation: str = ""
    """The number of this run of the unit."""
    unit: str = ""
    """The name of the unit, where another one tells of it."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> UnitEnd | None:
        """Return what *environ* tells; None if it tells nothing."""
        monitored = "MONITOR_SERVICE_RESULT" in environ
        before = "MONITOR_" if monitored else ""
        names = ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS", "INVOCATION_ID")
        result, how, status, invocation = (environ.get(before + name, "") for name in names)
        if not result or how not in {"", *_HOW}:
            return None
        return cls(result, how, status, invocation, environ.get("MONITOR_UNIT", "") if monitored else "")

    @property
    def signal(self) -> str:
        """The name of the signal of which the main process died; empty if of none."""
        return f"SIG{self.status}" if self.how in {"killed", "dumped"} and self.status else ""

    @property
    def cause(self) -> str:
        """What the account of the crash calls it."""
        return "signal" if self.result in {"signal", "core-dump"} else self.result

    @property
    def silent(self) -> bool:
        """Whether the main process was cut off before it could tell anything itself."""
        return self.result in CUT_OFF and self.how != "exited"

    @property
    def summary(self) -> str:
        """One line for a person."""
        return f"{self.result} ({self.how} {self.status})" if self.how else self.result
