"""What can be looked at to learn how long a platform gives, and who looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.grace import Grace
from ..core.record import Record
from ..hints import Any


class Scene(Record):
    """What providers look at."""

    environ: Mapping[str, str]
    """The environment."""
    files: Mapping[str, str]
    """The files by which platforms are known, see `core.platforms.FILES`."""
    root: str = ""
    """Where the root directory is seen from here."""
    sources: Mapping[str, Mapping[str, Any]] = {}
    """What each source was told, by what it listens to."""


Provider = Callable[[Scene], Grace | None]
"""Says how long a platform gives, without asking anybody; None where it does not know."""
Asker = Callable[[Scene, float], Grace | None]
"""Asks somebody, for at most this many seconds; it may raise `ProcessEnderError` or `OSError`."""
