"""
The application beside a sidecar: whether it is there, told by one thread that waits for it.

The main thread is told of each change; a worker of the engine waits, in `await_gone`, until it has ended. What the
engine knows of a command (`pid`, `status`, `when_gone`, ...) it knows of an application too, except that nobody here
may start it, or kill it unasked.
"""

from __future__ import annotations

import os
import select
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from ..hints import Any
from .handles import Handle
from .sighting import Look, Unseen, leader_of

LOOK_S = 0.5
"""How long after a look for somebody who was not there the next one is taken."""
Tell = Callable[[Callable[[], object]], object]
"""Lets the main thread call a function."""


class Listener:
    """What the main thread does about changes."""

    def appeared(self) -> None:
        """Take note that the application is there."""

    def ended(self, pid: int, program: str, status: int | None, cause: str) -> None:
        """Take note that it has ended, how if that is known, and in one word what was seen of it."""

    def unseen(self, error: Unseen) -> None:
        """Take note that it cannot be seen, and why; a reason is not repeated while it lasts."""


class Application(ABC):
    """One application; safe for threads. A subclass says in `_watch` how it is watched, on a thread of its own."""

    argv: Sequence[str] = ("application",)
    """Its program."""
    pid = 0
    """Its number, 0 where that is not known."""
    status: int | None = None
    """Never the status that an agent passes on: it has no child."""
    core = False
    """Nobody tells a sidecar of a core dump."""

    def __init__(self, tell: Tell, listener: Listener) -> None:
        """Take how the main thread is told, and what it does then."""
        self.there = False
        """Whether it is there."""
        self.sent: set[int] = set()
        """The signals that have come from here."""
        self._tell = tell
        self._listener = listener
        self._changed = threading.Condition()
        self._ending = False
        self._cut = False
        self._when_gone: list[Callable[[], object]] = []
        self._bell_out, self._bell_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="processender-watch", daemon=True).start()

    @abstractmethod
    def _watch(self) -> None:
        """Watch it until the process ends."""

    def send(self, signum: int) -> bool:  # noqa: ARG002 - the face of all
        """Send it a signal; tell whether there is a process that could be sent one."""
        return False

    def kill(self, *, everything: bool = False) -> list[Any]:  # noqa: ARG002 - the face of a command
        """Do nothing: what somebody else has started is not killed unasked."""
        return []

    def when_gone(self, function: Callable[[], object]) -> None:
        """Let *function* be called when it has ended, or at once if it is not there."""
        with self._changed:
            if self.there:
                self._when_gone.append(function)
                return
        function()

    def settle(self) -> None:
        """Look once more who is there: from now on only these are waited for, and nobody who comes later."""
        with self._changed:
            self._ending = True
        self.ring()

    def await_gone(self, seconds: float) -> bool:
        """Wait at most *seconds* until it has ended; tell whether it has."""
        with self._changed:
            self._changed.wait_for(lambda: not self.there or self._cut, max(0.0, seconds))
            return not self.there

    def cut(self) -> None:
        """Let whoever waits come back at once."""
        with self._changed:
            self._cut = True
            self._changed.notify_all()

    def ring(self) -> None:
        """Let the thread that watches look around."""
        try:
            os.write(self._bell_in, b"!")
        except BlockingIOError:
            return

    # For the thread that watches.

    def _appears(self) -> None:
        with self._changed:
            if self.there:
                return
            self.there = True
        self._tell(self._listener.appeared)

    def _ends(self, pid: int, program: str, status: int | None, cause: str, *, still: bool = False) -> None:
        """Say that it has ended; *still* if there are others of it, for which the end waits."""
        if not still:
            self._goes()
        self._tell(lambda: self._listener.ended(pid, program, status, cause))

    def _goes(self) -> None:
        with self._changed:
            self.there = False
            told, self._when_gone = self._when_gone, []
            self._changed.notify_all()
        for function in told:
            function()

    def _rest(self, descriptors: Sequence[int], seconds: float | None) -> bool:
        """Wait until one of *descriptors* or the bell can be read; tell whether one of the former can."""
        poll = select.poll()
        for descriptor in (*descriptors, self._bell_out):
            poll.register(descriptor, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(None if seconds is None else seconds * 1000)]
        if self._bell_out in ready:
            os.read(self._bell_out, 4096)
        return any(descriptor != self._bell_out for descriptor in ready)


class Processes(Application):
    """Processes that can be seen: waited for through descriptors, looked for on a timer only while none is there."""

    def __init__(self, look: Look, tell: Tell, listener: Listener) -> None:
        """Take what finds them."""
        super().__init__(tell, listener)
        self._look = look
        self._handles: dict[tuple[int, int], Handle] = {}
        self._leader: Handle | None = None
        self._settled = False
        self._why = ""

    def send(self, signum: int) -> bool:
        """Send a signal to the process that the others come from, KILL to all of them."""
        with self._changed:
            chosen = [self._leader] if self._leader is not None and signum != 9 else list(self._handles.values())
            self.sent.add(signum)
            # Each is sent it, also behind one that takes it.
            return sum(each.send(signum) for each in chosen) > 0

    def settle(self) -> None:
        """Look once more who is there, on the thread that asks."""
        with self._changed:
            self._gather()
            # Who was found only now is waited for all the same.
            self.there = bool(self._handles)
            self._settled = True
        super().settle()

    def _watch(self) -> None:
        while True:
            with self._changed:
                if not self._settled:
                    self._gather()
                leader, handles = self._leader, list(self._handles.values())
            if leader is not None:
                self.pid, self.argv = leader.member.pid, (leader.member.name,)
                self._appears()
            blind = any(each.descriptor < 0 for each in handles)
            self._rest([each.descriptor for each in handles if each.descriptor >= 0], self._pause(blind=blind))
            self._bury()

    def _pause(self, *, blind: bool) -> float | None:
        return LOOK_S if blind or (not self._handles and not self._settled) else None

    def _gather(self) -> None:
        """Take hold of whoever is there, and of the one that the others come from."""
        try:
            found = self._look()
        except Unseen as error:
            found = []
            self._complain(error)
        for member in found:
            key = member.pid, member.start
            if key not in self._handles:
                try:
                    self._handles[key] = Handle(member)
                except ProcessLookupError:
                    continue
                except Unseen as error:
                    self._complain(error)
        self._why = "" if self._handles else self._why
        living = {each.member: each for each in self._handles.values() if not each.ended}
        if self._leader is None and living:
            self._leader = living[leader_of(living)]

    def _complain(self, error: Unseen) -> None:
        why, self._why = self._why, str(error)
        if why != self._why:
            self._tell(lambda: self._listener.unseen(error))

    def _bury(self) -> None:
        """Let go of who has ended; say so when it was the one that the others came from, or the last."""
        with self._changed:
            dead = [(key, each) for key, each in self._handles.items() if each.ended]
            leader = self._leader if self._leader is not None and self._leader.ended else None
            status = leader.status() if leader is not None else None
            for key, each in dead:
                del self._handles[key]
                each.close()
            if leader is not None:
                self._leader = None
            left = bool(self._handles)
        if leader is not None:
            self._ends(leader.member.pid, leader.member.name, status, "", still=left)
        elif dead and not left:
            self._goes()
