"""Observers on threads of their own, so that a full pipe or a slow disk never holds up a run."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from ..core.events import Event, Trouble
from ..core.outcome import describe
from ..core.window import Window
from ..ports import Clock, Observer

KEPT = 100_000
"""How many events wait for a slow observer; beyond them the oldest are lost, and that is said."""

RECORD_S = 3.0
"""How long a slow disk may hold up the end of a run for its record, while the handlers' time is not used up."""


IDLE_S = 0.05
"""After how long without an event an observer prepares itself: a program that is over in a moment need not wait."""


class Outlet:
    """The queue and the thread of one observer."""

    def __init__(
        self, observer: Observer, clock: Clock, complain: Callable[[Outlet, Trouble], object], *, before_effect: bool
    ) -> None:
        """Take the *observer*, and whom to tell when it fails; nothing runs before `start`."""
        self.observer = observer
        self._complain = complain
        self.before_effect = before_effect
        self.lost = 0
        self._clock = clock
        self._queue: deque[Event | None] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._busy = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, beforehand: there may be no room for one at the end."""
        if self._thread is None:
            name = f"processender-{type(self.observer).__name__}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._thread = thread

    def put(self, events: Sequence[Event]) -> None:
        """Hand *events* over; never blocks."""
        with self._changed:
            self._queue.extend(events)
            while len(self._queue) > KEPT:
                self._queue.popleft()
                self.lost += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let the thread end when it has taken everything."""
        with self._changed:
            self._queue.append(None)
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait at most *timeout* seconds until everything handed over is taken; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._busy, max(0.0, timeout))

    def _prepare(self, prepare: Callable[[], object]) -> None:
        """Let an observer that has something to load do it before the end, when everything else is there."""
        try:
            prepare()
        except BaseException as error:  # what it cannot do then it may not be asked for
            kind = type(self.observer).__name__
            text = f"the observer {kind} cannot prepare itself: {describe(error)}"
            self._complain(self, Trouble(self._clock.now(), "observer-failed", text))

    def _work(self) -> None:
        prepare = getattr(self.observer, "prepare", None)
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                came = self._changed.wait_for(lambda: bool(self._queue), None if prepare is None else IDLE_S)
                event = self._queue.popleft() if came else None
                if came and event is None:
                    self._changed.notify_all()
                    return
                self._busy = True
            if event is not None:
                self._show(event)
            elif prepare is not None:
                self._prepare(prepare)
                prepare = None

    def _show(self, event: Event) -> None:
        try:
            self.observer.observe(event)
        except BaseException as error:  # an observer is foreign code; what it raises is reported
            if not isinstance(event, Trouble):
                kind = type(self.observer).__name__
                text = f"the observer {kind} cannot take {type(event).__name__}: {describe(error)}"
                self._again(Trouble(self._clock.now(), "observer-failed", text))

    def _again(self, trouble: Trouble) -> None:
        # A report that cannot be written is said where it can be read.
        self._complain(self, trouble)
        try:
            self.observer.observe(trouble)
        except BaseException:  # it can take nothing at all; the count is what the report shows
            self.lost += 1


class Outlets:
    """All observers of an Ender."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._outlets: list[Outlet] = []

    def add(self, observer: Observer, *, before_effect: bool = False) -> Outlet:
        """Add an observer and start its thread; the first effect of a run waits for one that is *before_effect*."""
        outlet = Outlet(observer, self._clock, self._tell_others, before_effect=before_effect)
        outlet.start()
        self._outlets.append(outlet)
        return outlet

    def emit(self, *events: Event) -> None:
        """Tell every observer; never blocks."""
        if events:
            for outlet in self._outlets:
                outlet.put(events)

    def _tell_others(self, failed: Outlet, trouble: Trouble) -> None:
        for outlet in self._outlets:
            if outlet is not failed:
                outlet.put((trouble,))

    def flush(self, until: float, *, before_effect: bool = False) -> bool:
        """Wait at most to the instant *until* for all observers; return whether they have taken everything."""
        outlets = [outlet for outlet in self._outlets if outlet.before_effect or not before_effect]
        flushed = [outlet.flush(until - self._clock.now()) for outlet in outlets]
        return all(flushed)

    def settle(self, window: Window, kept: Callable[[float, float, bool], Event] | None) -> None:
        """
        Wait at the end of a run in *window* for its record, and in the reserve for all observers.

        Args:

            window: The window of the run.

            kept: Makes of an instant, of the seconds that this took, and of whether that was enough for all of them
                what those are told that keep the record; None where nobody wants to know.
        """
        began = self._clock.now()
        self.flush(min(began + RECORD_S, window.soft), before_effect=True)
        now = self._clock.now()
        # The other half is for the streams, should the process not go the ordinary way.
        half = min(window.reserve, window.dump_at - now) / 2
        whole = self.flush(now + half)
        if kept is not None:
            told = kept(after := self._clock.now(), after - began, whole)
            for outlet in self._outlets:
                if outlet.before_effect:
                    outlet.put((told,))
            self.flush(max(now + half, after + half / 2), before_effect=True)

    def close(self) -> None:
        """Let all threads end when they have taken everything."""
        for outlet in self._outlets:
            outlet.close()
