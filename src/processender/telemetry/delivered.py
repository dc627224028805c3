"""The events about accounts that an exporter sends, or that come from a crash."""

from __future__ import annotations

from ..core.events import RoomEvent
from ..core.texts import counted
from ..hints import Any, ClassVar


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
