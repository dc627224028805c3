"""
The signals of a session: taken from the server that the process is, and handed to it when it is to stop.

What could not be done is said when the end needs it and not at once: a server that ends by itself, one that a test
drives on a thread for example, has nobody who could act on it.
"""

from __future__ import annotations

from collections.abc import Callable

from .core.events import Event
from .engine.hearing import NoSignals
from .errors import StateError
from .hints import Any


class Taking:
    """How a session takes up its signals, with a server in the process and without."""

    def __init__(self, signals: Any, emit: Callable[..., object]) -> None:
        """Take the source of the *signals*, and who is told of events."""
        self._signals = signals
        self._emit = emit
        self._held_back: list[Event] = []
        self._dump: Any = None
        self.hosted = False
        """Whether the process belongs to a server that is asked by its own handlers of signals."""

    def dumps(self, dump: Any) -> Any:
        """Take what tells, at a signal of its own, where everything stands; return it."""
        self._dump = dump
        return dump

    def start(self) -> None:
        """Hear signals from now on."""
        self._note(self._signals.start())
        if self._dump is not None:
            self._note(self._dump.start())

    def stop(self, *, deaf: bool = False) -> None:
        """Give all signals back; who is *deaf* ignores from now on what would end the process."""
        self._signals.stop(deaf=deaf)
        if self._dump is not None:
            self._dump.stop()

    def host(self) -> Callable[[], object]:
        """Take the signals over from the server that this process is; return what asks it to stop."""
        self.hosted = True
        if isinstance(self._signals, NoSignals):
            raise StateError("cannot ask the server to stop: no signals are heard here; write hosted(stop=...)")
        self._note(self._signals.host())
        return lambda: self._note(self._signals.ask())

    def complain(self) -> None:
        """Say what was held back, now that the server has not stopped."""
        held_back, self._held_back = self._held_back, []
        self._emit(*held_back)

    def _note(self, troubles: list[Event]) -> None:
        if self.hosted:
            self._held_back += troubles
        else:
            self._emit(*troubles)
