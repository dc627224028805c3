"""Plans for the windows that may come, made in the background when the handlers change and looked up at the notice."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..demand import load
from .registry import FEW, Registry

WINDOWS = (0.3, 2.0, 10.0, 30.0, 120.0)
"""What platforms usually give, in seconds, beside the grace of the Ender itself."""
SETTLE_S = 1.0
"""How long the handlers must have been left alone, so that the start of a program is not held up."""


class Beforehand:
    """Makes the plans of one registry, on a thread that is there only while there is something to do."""

    def __init__(self, registry: Registry, read: Callable[[], object], begun: threading.Event) -> None:
        """Take what is called first, to *read* what earlier runs took; nothing is made any more once it has *begun*."""
        self._registry = registry
        self._read: Callable[[], object] | None = read
        self._begun = begun
        self._grace = 0.0
        self._lock = threading.Lock()
        self._changed = False
        self._busy = False

    def changed(self, grace: float) -> None:
        """Make the plans anew, for these windows and for that of *grace* seconds; returns at once."""
        with self._lock:
            self._grace, self._changed = grace, True
            if self._busy:
                return
            self._busy = True
        try:
            threading.Thread(target=self._work, name="processender-plans", daemon=True).start()
        except RuntimeError:
            # The limit of the system; then the plan is made at the notice.
            self._busy = False

    def _take(self) -> bool:
        with self._lock:
            self._busy, self._changed = self._changed, False
            return self._busy

    def _work(self) -> None:
        try:
            self._plan()
        except BaseException:
            self._busy = False
            raise

    def _plan(self) -> None:
        while self._take():
            if self._begun.wait(SETTLE_S):
                # It may be taken back, and then there is something to do again.
                self._busy = False
                return
            # What has changed meanwhile is part of what is planned now.
            self._changed = False
            if self._read is not None:
                read, self._read = self._read, None
                read()
            if not self._registry.informed:
                continue
            # Nothing is to be imported at the worst moment.
            load("engine.adapting")
            few = len(self._registry.handlers()) <= FEW
            for length in dict.fromkeys((self._grace, *(() if few else WINDOWS))):
                if self._begun.is_set() or self._changed:
                    break
                self._registry.foresee(length)
