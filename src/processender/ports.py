"""What the rooms of floor 3 may ask of each other, without knowing each other."""

from __future__ import annotations

from collections.abc import Sequence

from .core.events import Event, Trouble
from .core.handler import Handler
from .core.notice import Notice
from .hints import AbstractContextManager, Protocol


class Clock(Protocol):
    """Time and chance; the engine has the real ones, a test its own."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back and that all processes of the host share."""

    def wall(self) -> float:
        """Return seconds since 1970, for display only."""

    def chance(self) -> float:
        """Return a number in [0, 1)."""


class Observer(Protocol):
    """What is told of every event, in order, on a thread of its own; it may block and it may raise."""

    def observe(self, event: Event) -> None:
        """Take one event. What it raises is reported and never stops the run."""


class Stopping(Protocol):
    """The fact that the end has begun, for code that runs in a loop of its own."""

    def is_set(self) -> bool:
        """Tell whether a run has begun."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most *timeout* seconds until a run begins; return whether it has."""


class Stopper(Protocol):
    """The Ender as a room of floor 3 sees it."""

    @property
    def stopping(self) -> Stopping:
        """Whether the end has begun."""

    def notify(self, notice: Notice) -> None:
        """Take a notice, from any thread; return at once."""

    def add(self, handler: Handler) -> Handler:
        """Take a handler into the plan."""

    def inflight(self, what: str = "") -> AbstractContextManager[None]:
        """Count the block as work in progress, which the end waits for."""


class Signals(Protocol):
    """The source of signals, as the control thread uses it."""

    def hear(self, byte: int) -> Notice | None:
        """Make a notice of a byte from the pipe, or return None if it says nothing new."""

    def missed(self) -> Sequence[int]:
        """Return the bytes that found the pipe full."""

    def check(self) -> Sequence[Trouble]:
        """Tell what somebody else has taken since."""
