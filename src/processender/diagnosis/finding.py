"""How long a window is, from where that is known, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.notice import DeadlineKind
from ..core.record import Record
from ..hints import Any

TOLD, CONFIGURED, ASSUMED = DeadlineKind.TOLD, DeadlineKind.CONFIGURED, DeadlineKind.ASSUMED


class Said(Record):
    """What one place says about the window of a platform."""

    seconds: float | None
    """How long it is; None for without end."""
    source: str
    """From where that is known, in words."""
    kind: DeadlineKind = ASSUMED
    """`told`: the platform says so, and it is always so; `configured`: it was set there; `assumed`: a usual value."""
    better: str = ""
    """What it would take to know it better; empty if nothing is missing."""
    wrong: str = ""
    """What was written down about it and cannot be understood; empty for nothing."""


class Finding(Record):
    """How long the window is that a platform gives."""

    platform: str
    """The platform."""
    sign: str
    """By what that is known."""
    seconds: float | None
    """How long the window is; None for without end."""
    source: str
    """From where that is known, in words."""
    kind: DeadlineKind = ASSUMED
    """How far that can be trusted, see `Said`."""
    better: str = ""
    """What it would take to know it better; empty if nothing is missing."""
    wrong: str = ""
    """What was written down about it and cannot be understood; empty for nothing."""

    @property
    def is_sure(self) -> bool:
        """Whether it is no mere assumption."""
        return self.kind is not ASSUMED

    def as_data(self) -> dict[str, Any]:
        """Return it as what `--json` prints."""
        return {
            "platform": self.platform,
            "sign": self.sign,
            "seconds": self.seconds,
            "source": self.source,
            "kind": str(self.kind),
            "better": self.better,
        }


class Scene(Record):
    """What providers look at."""

    environ: Mapping[str, str]
    """The environment."""
    files: Mapping[str, str]
    """The files by which platforms are known, see `core.platforms.FILES`."""
    read: Callable[[str], str]
    """Returns the text of another file, empty if it is not there."""
    sources: Mapping[str, Mapping[str, Any]] = {}
    """What each source was told, by what it listens to."""


class Unreadable(ValueError):
    """What was written down is no length of time."""


Provider = Callable[[Scene], "Said | None"]
"""Says how long a window is, without asking anybody; None where it does not know. It may raise `Unreadable`."""
Asker = Callable[[Scene, float], "Said | None"]
"""Asks somebody, for at most this many seconds; it may raise `ProcessEnderError` or `OSError`."""
