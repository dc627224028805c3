"""Calls of foreign functions that may raise anything, or block for ever: none of them keeps the next from its call."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from ..core.outcome import describe

PATIENCE_S = 0.05
"""How long the first one that does not come back holds up the next; each further one half as long."""
LEAST_S = 0.001


def call_each(calls: Sequence[Callable[[], object]], failed: Callable[[int, str], object]) -> None:
    """
    Call each of *calls* in their order, on a thread of its own; return when all have come back, or had their time.

    One that blocks is left behind on its thread, and another thread goes on with the next.

    Args:

        calls: What to call.

        failed: Is told, on that thread, the number of one that has raised, and what, in words.
    """
    row = _Row(calls, failed)
    patience = PATIENCE_S
    while row.waiting:
        row.work_aside()
        if row.stands_still(patience):
            patience = max(LEAST_S, patience / 2)


class _Row:
    """What is to be called, and how far that has come."""

    def __init__(self, calls: Sequence[Callable[[], object]], failed: Callable[[int, str], object]) -> None:
        self.waiting = deque(enumerate(calls))
        self._failed = failed
        self._left = len(calls)
        self._changed = threading.Condition(threading.Lock())

    def work_aside(self) -> None:
        """Call what waits, where it holds up nobody if it blocks."""
        try:
            threading.Thread(target=self._work, name="processender-aside", daemon=True).start()
        except RuntimeError:
            # The limit of the system: called here, it is at least called.
            self._work()

    def stands_still(self, patience: float) -> bool:
        """Wait until all have come back, or none for *patience* seconds; return whether it is that."""
        with self._changed:
            while before := self._left:
                self._changed.wait(patience)
                if self._left == before:
                    return True
        return False

    def _work(self) -> None:
        while True:
            try:
                number, call = self.waiting.popleft()
            except IndexError:
                return
            try:
                call()
            except BaseException as error:  # `sys.exit` in foreign code ends that, and no more
                self._failed(number, describe(error))
            finally:
                with self._changed:
                    self._left -= 1
                    self._changed.notify_all()
