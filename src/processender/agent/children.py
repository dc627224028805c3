"""
The children of the agent: those it started, which belong to whoever waits for them, and strangers, which it reaps.

`os.waitpid(-1)` would take the exit code of a handler's command from under `subprocess`, which then reports success.
So the agent only peeks at who has ended, leaves its own to their owners, and waits for strangers by their number.
"""

from __future__ import annotations

import _thread
import os

from ..demand import load
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import Popen


class Children:
    """Who is whose. Safe for threads."""

    def __init__(self) -> None:
        """Begin with those that this process had before it became the agent, by an `exec` of its parent."""
        self.sessions: set[int] = set()
        """The sessions of the handlers' commands, past and present."""
        alone = self.none_left()
        self.inherited: frozenset[int] = frozenset(() if alone else load("agent.tree").children_of_this())
        """Children from before, which are not the command's and are left alone."""
        self.obscure = not alone and not self.inherited
        """Whether there are such, and nothing tells which they are."""
        self.adopts = os.getpid() == 1
        """Whether every descendant that loses its parent becomes a child of this process."""
        self._lock = _thread.allocate_lock()
        self._owned: set[int] = set()

    @staticmethod
    def none_left() -> bool:
        """Tell whether this process has no child at all, living or dead."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return False

    def adopt_orphans(self) -> str:
        """Become the parent of every descendant that loses its own; return why that cannot be, else an empty text."""
        if self.adopts:
            return ""
        why: str = load("agent.prctl").adopt_orphans()
        self.adopts = not why
        return why and f"cannot adopt orphans ({why}); what leaves the command's session is not waited for"

    def own(self, spawn: Callable[[], int]) -> int:
        """Call *spawn*, which starts a child of the agent itself, and return its number."""
        # The lock is held from the start to the note, or a child that ends at once would pass for a stranger.
        with self._lock:
            pid = spawn()
            self._owned.add(pid)
        return pid

    def start(self, spawn: Callable[[], Popen[bytes]]) -> Popen[bytes]:
        """Call *spawn*, which starts a handler's command in a session of its own, and return its process."""
        with self._lock:
            process = spawn()
            self._owned.add(process.pid)
            self.sessions.add(process.pid)
        return process

    def forget(self, pid: int) -> None:
        """Forget the child *pid*, which was waited for: its number may become a stranger's."""
        with self._lock:
            self._owned.discard(pid)

    def strangers(self, leader: int) -> frozenset[int]:
        """Return the numbers of the children that do not come from the command *leader*."""
        with self._lock:
            return frozenset(self._owned).union(self.inherited) - {leader}

    def send_group(self, leader: int, number: int) -> None:
        """Send a signal to the group of *leader*, as long as a child of ours in it keeps its number."""
        # The lock is held, or that child could be reaped between the look and the signal.
        with self._lock:
            try:
                os.waitid(os.P_PGID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                os.killpg(leader, number)
            except (ChildProcessError, ProcessLookupError, PermissionError):
                return

    def reap(self) -> bool:
        """Reap the strangers that have ended; tell whether one of our own is still to be waited for by its owner."""
        with self._lock:
            while True:
                try:
                    ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                except ChildProcessError:
                    return False
                if ended is None:
                    return False
                if ended.si_pid in self._owned:
                    return True
                os.waitpid(ended.si_pid, os.WNOHANG)
