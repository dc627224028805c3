"""What one step does, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..engine.brief import BriefContext


class Deed:
    """A function on a thread of its own."""

    def __init__(
        self, function: Callable[[BriefContext], object], ctx: BriefContext, ring: Callable[[], object]
    ) -> None:
        """Start it with its context, and *ring* when it is done."""
        self.done = False
        """Whether it is."""
        self.why = ""
        """Why it failed; empty when it did not."""
        self.ctx = ctx
        self._function = function
        self._ring = ring
        try:
            threading.Thread(target=self._run, name="processender-stop", daemon=True).start()
        except RuntimeError as error:
            self.done, self.why = True, f"cannot start a thread: {error}"

    def _run(self) -> None:
        try:
            self._function(self.ctx)
        except Exception as error:  # foreign code; it is told
            self.why = str(error) or type(error).__name__
        finally:
            self.done = True
            self._ring()
