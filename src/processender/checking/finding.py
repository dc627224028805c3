"""What is found, where, and how bad it is."""

from __future__ import annotations

from ..core.record import Record
from ..errors import ProcessEnderError
from ..hints import Any

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (NOTE, WARNING, ERROR)
"""From the mildest: `note` is worth knowing, `warning` may lose work, `error` will."""
CODES = frozenset(
    {
        "config-mistake",
        "config-unseen",
        "duplicate-key",
        "grace-shorter-than-plan",
        "grace-too-short",
        "grace-without-margin",
        "handler-takes-half",
        "handler-without-timeout",
        "mesh-proxy-not-native",
        "no-drain-delay",
        "no-readiness-probe",
        "plan-does-not-fit",
        "pre-stop-eats-grace",
        "readiness-elsewhere",
        "shell-keeps-signal",
        "sidecar-ends-first",
        "sidecar-not-native",
        "sidecar-without-pre-stop",
        "sleep-needs-binary",
        "slow-readiness-probe",
        "worst-case-over-grace",
    }
)
"""What can be found."""


class Unreadable(ProcessEnderError):
    """A file cannot be read."""

    code = "unreadable"


class Place(Record):
    """A place in a file; lines and columns count from 1."""

    file: str
    """The file, as it was named."""
    line: int = 1
    """The line."""
    column: int = 1
    """The column, in characters."""

    def __str__(self) -> str:
        """Show it as compilers do, so that editors find it."""
        return f"{self.file}:{self.line}:{self.column}"


class Finding(Record):
    """One thing that is wrong, or worth knowing."""

    place: Place
    """Where."""
    severity: str
    """One of `SEVERITIES`."""
    code: str
    """The stable name of the rule's finding."""
    subject: str
    """The workload and its container, or the configuration."""
    what: str
    """What is there."""
    why: str
    """What follows from it."""
    step: str
    """What to do next."""

    def as_data(self) -> dict[str, Any]:
        """Return it as what `--json` prints."""
        place = self.place.as_dict()
        return {**place, **{key: value for key, value in self.as_dict().items() if key != "place"}}


def is_severe(finding: Finding, least: str) -> bool:
    """Tell whether *finding* is at least as bad as *least*."""
    return SEVERITIES.index(finding.severity) >= SEVERITIES.index(least)
