"""
What is left of a command: looked for, and killed, by the main thread, a worker of the engine and the guard alike.

Part of the command itself, which says who leads it and how a signal reaches that process alone.
"""

from __future__ import annotations

import _thread
import os

from ..demand import load
from ..hints import Any
from . import kernel
from .children import Children

_LOOKS = 3
_SWEEPS = 10
_SWEEP_S = 0.02


class Remains:
    """The half of a command that knows what it has started, and kills it."""

    pid: int
    """Its number, 0 before it was started."""
    _cell: Any
    _children: Children
    _lock: _thread.LockType
    _session: bool

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        raise NotImplementedError

    def watch(self) -> bool:
        """Look whether it has ended; return True from then on."""
        raise NotImplementedError

    def bar(self) -> bool:
        """Let it not be started any more; return whether it ever was."""
        raise NotImplementedError

    def _deliver(self, number: int, *, group: bool = False) -> bool:
        raise NotImplementedError

    def all_gone(self) -> bool:
        """Tell whether nothing is left of it."""
        if not self.pid:
            return True
        if self._children.adopts:
            self._children.reap()
            if self._children.none_left():
                return True
            if not self._children.strangers(self.pid):
                # Some child of ours lives and is not a handler's. If it cannot be seen it is one that forks and ends
                # faster than /proc can be read, and its offspring comes to us.
                return False
        # Among the children are some that are not the command's, so only looking helps; not once, see above.
        return not any(self.tree() for _ in range(_LOOKS))

    def tree(self) -> list[Any]:
        """Return what can be seen of what is left of it."""
        leader = self.pid if self._session else 0
        found: list[Any] = _tree().tree(
            os.getpid(), leader, self._children.strangers(self.pid), self._children.sessions
        )
        return found

    def sweep(self, *, everything: bool, wait_tree: bool) -> None:
        """Kill what is left, for a moment; what the kernel does not let go of even then is left to it; main thread."""
        for number in range(_SWEEPS):
            # What came from handlers is not looked for a second time.
            looked = number or not everything
            gone = not wait_tree or self.all_gone()
            if looked and not self.running and gone:
                return
            self.kill(everything=everything)
            kernel.take(_SWEEP_S)
            self.watch()

    def kill(self, *, everything: bool = False) -> list[Any]:
        """Kill what is left of it, or really *everything* that came from the agent; return what was found."""
        if not self.bar() and not everything:
            return []
        found: list[Any] = self.tree()
        if everything:
            found = _tree().tree(os.getpid(), self.pid if self._session else 0, self._children.inherited, ())
        with self._lock:
            if self.running:
                self._deliver(kernel.KILL)
            if self._session and (self.running or any(member.session == self.pid for member in found)):
                # At once, so that nobody of it can fork away; while the session has members its number is its own.
                _kill_group(self.pid)
        if self._cell is not None:
            self._cell.kill()
        for member in found:
            _tree().send(member, kernel.KILL)
        if not found:
            self.send_unseen(kernel.KILL, everything=everything)
        return found

    def send_unseen(self, *numbers: int, everything: bool = False) -> bool:
        """Send signals to what is left and cannot be seen; tell whether there can be something of the kind."""
        leader = self.pid if self._session else 0
        return bool(load("agent.unseen").send_unseen(self._children, leader, *numbers, everything=everything))


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, kernel.KILL)
    except OSError:
        return


def _tree() -> Any:
    """Return the room that reads /proc, which a command that leaves nothing behind never needs."""
    return load("agent.tree")
