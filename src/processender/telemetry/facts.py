"""What an account says beside the events, and the event that tells of it."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..core.events import RoomEvent
from ..core.notice import Notice
from ..demand import load
from ..hints import Any, ClassVar

ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"
"""The variable that tells where a process runs."""


class Accounted(RoomEvent):
    """The account of a run is there: a provisional one as the run begins, the final one at its end."""

    key: ClassVar[str] = "run.accounted"
    level: ClassVar[int] = 10
    words: ClassVar[dict[str, str]] = {
        "run": "processender.run.id",
        "is_provisional": "processender.run.provisional",
        "verdict": "processender.run.verdict",
    }

    account: dict[str, Any]
    """As it stands in the report; `ended` is None in a provisional one. It belongs to all, and nobody changes it."""
    directory: str
    """The state directory of the service; empty where there is none, or where the agent around it keeps the account."""

    @property
    def run(self) -> str:
        """The id of the run."""
        return str(self.account["id"])

    @property
    def is_provisional(self) -> bool:
        """Whether the end of the run is still to come."""
        return self.account["ended"] is None

    @property
    def verdict(self) -> str:
        """How the run has ended, or how it will have ended if nothing is heard of it again."""
        return str(self.account["verdict"])

    @property
    def text(self) -> str:
        """Where it stands."""
        return f"the account of the run is {'kept here' if self.directory else 'made'}"


class Facts:
    """What the report says beside the events."""

    def __init__(self, service: str, version: str, run_id: str) -> None:
        """Take what is known beforehand."""
        self.service = service
        self._version = version
        self.run_id = run_id
        system = os.uname()
        self.host = system.nodename
        self.platform = f"{system.sysname} {system.release}"
        self.where: dict[str, str] = dict.fromkeys(("version", "deployment", "zone", "node"), "")
        """Where the process runs, as far as its environment tells."""
        if ATTRIBUTES in os.environ:
            self.where = load("telemetry.whereabouts").whereabouts(os.environ)
        self.in_flight: Callable[[], list[str]] = list
        """Tells what work was not finished."""
        self.beginning: Callable[[], Notice | None] = lambda: None
        """Tells what the end has begun with; None if nobody knows."""
        self.exit: Callable[[], int | None] = lambda: None
        """Tells the exit code of the process, as far as it is known."""
        self.journal: Callable[[], dict[str, Any] | None] = lambda: None
        """Tells what is still owed; None for a process that has opened no journal."""
        self.sources: Callable[[], dict[str, Any]] = dict
        """Tells what each source has seen last."""
        self.command: Callable[[], dict[str, Any] | None] = lambda: None
        """Tells the account of an application that has joined this process; None if none has."""

    @property
    def version(self) -> str:
        """The version that the application has told, else that of its environment."""
        return self._version or self.where["version"]
