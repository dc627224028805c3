"""What an account says beside the events, and the events that tell of it."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..core.events import RoomEvent
from ..core.notice import Notice
from ..core.texts import counted
from ..hints import Any, ClassVar
from .whereabouts import whereabouts


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


class CrashAccounted(RoomEvent):
    """The account of a crash is complete: what follows it is over."""

    key: ClassVar[str] = "crash.accounted"
    level: ClassVar[int] = 10
    words: ClassVar[dict[str, str]] = {"crash": "processender.crash.id", "cause": "processender.crash.cause"}

    account: dict[str, Any]
    """The account; data of JSON."""

    @property
    def crash(self) -> str:
        """The id of the account."""
        return str(self.account["id"])

    @property
    def cause(self) -> str:
        """Why the process died, in a word."""
        return str(self.account["cause"])

    @property
    def text(self) -> str:
        """That it is there."""
        return "the account of the crash is complete"


class Undelivered(RoomEvent):
    """Accounts of earlier runs wait for an exporter, and are sent now."""

    key: ClassVar[str] = "export.waiting"
    words: ClassVar[dict[str, str]] = {
        "exporter": "processender.exporter.name",
        "count": "processender.exporter.waiting",
    }

    exporter: str
    """The name of the exporter."""
    count: int
    """How many there are."""

    @property
    def text(self) -> str:
        """How many, and for whom."""
        return f"{self.exporter}: {counted(self.count, 'account')} of earlier runs to be sent"


class Delivered(RoomEvent):
    """An account was delivered."""

    key: ClassVar[str] = "export.delivered"
    level: ClassVar[int] = 10
    words: ClassVar[dict[str, str]] = {
        "exporter": "processender.exporter.name",
        "id": "processender.exporter.account",
    }

    exporter: str
    """The name of the exporter."""
    id: str
    """The id of the account."""

    @property
    def text(self) -> str:
        """Which, and by whom."""
        return f"{self.exporter}: the account {self.id} is delivered"


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
        self._where: dict[str, str] = {}
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

    @property
    def where(self) -> dict[str, str]:
        """`version`, `deployment`, `zone` and `node`, as the environment tells them."""
        if not self._where:
            self._where = whereabouts(os.environ)
        return self._where
