"""An observer that remembers, to ask afterwards what happened."""

from __future__ import annotations

import threading
from typing import TypeVar

from ..core.events import Event

E = TypeVar("E")


class Recorder:
    """Keeps every event in order: the port `Observer` for tests. Safe for threads."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def observe(self, event: Event) -> None:
        """Keep one event."""
        with self._lock:
            self._events.append(event)

    @property
    def events(self) -> list[Event]:
        """All events so far, the first one first."""
        with self._lock:
            return list(self._events)

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind, the first one first."""
        return [event for event in self.events if isinstance(event, kind)]
