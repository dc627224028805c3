"""
The command: how it is started, watched, signalled and killed, with everything that it has started itself.

The main thread alone starts it and waits for it (`start`, `watch`); a worker of the engine brings it to its end (see
`ladder`), and the guard may kill all of it at any time (`kill`), whatever the others do.
"""

from __future__ import annotations

import _thread
import os

from ..demand import load
from ..hints import TYPE_CHECKING, Any
from . import kernel
from .children import Children
from .oom import kills
from .program import child_environment, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_LOOKS = 3
_SWEEPS = 10
_SWEEP_S = 0.02


class Command:
    """One command and its tree. Safe for threads."""

    def __init__(
        self,
        argv: Sequence[str],
        children: Children,
        *,
        mask: Iterable[int] = (),
        session: bool = True,
        terminal: bool = False,
        group: bool = False,
        rewrite: Mapping[int, int] | None = None,
    ) -> None:
        """
        Take what to start; nothing is started yet.

        Args:

            argv: The command.

            children: Who knows the agent's children.

            mask: The signals that it begins with blocked.

            session: Whether it leads a session of its own; otherwise it stays in that, and in the group, of the agent.

            terminal: Whether its session has standard input as its terminal.

            group: Whether what is sent to it goes to its whole process group, which it leads in its session.

            rewrite: What is sent to it in the place of which signal; 0 for nothing.
        """
        self.argv = tuple(argv)
        self.pid = 0
        """Its number, 0 before it was started."""
        self.status: int | None = None
        """How it ended: its exit code, or minus the signal that killed it; None before that."""
        self.core = False
        """Whether its end has left a core dump."""
        self.gone = False
        """Whether there is nothing to wait for: it has ended, or it will not be started any more."""
        self.ooms = -1
        """How often the kernel had killed in its control group for want of memory when it started; -1 for unknown."""
        self.more: dict[str, str] = {}
        """More variables for its environment; one with an empty value is taken out of it."""
        self.handed_on: Callable[[], Any] | None = None
        """Gives what it is handed at its next start beside its arguments, see `forked`; None for nothing, ever."""
        self.sent: set[int] = set()
        """The signals that have come from here."""
        self.pipes: Any = None
        """Its standard streams where they are pipes of ours (see `pipes`); None where they are those of the agent."""
        self.trouble: Callable[[str, str], object] | None = None
        """Is told (a code and a text) of what cannot be done for it."""
        self._children = children
        self._mask = tuple(mask)
        self._session = session
        self._terminal = terminal
        self._spared = False
        self._cell: Any = None
        self._group = group and session
        self._rewrite = dict(rewrite or {})
        self._lock = _thread.allocate_lock()
        self._barred = False
        self._when_gone: list[Callable[[], object]] = []

    def start(self, grace: str, anew: Callable[[], bool] | None = None) -> bool:
        """
        Start it, for the first time or again; return False when its end was asked for before.

        Args:

            grace: The budget that it is told.

            anew: Tells whether it may be started although it was once brought to its end: for a restart.
        """
        with self._lock:
            if anew is not None:
                # Whoever ends it for good has said so before it takes the lock.
                self._barred = not anew()
            if self._barred:
                return False
            environment = {**child_environment(os.environ, grace), **self.more}
            environment = {name: value for name, value in environment.items() if value or self.more.get(name) is None}
            self._cell = self._cell or load("agent.cgroup").make_cell(self._refused)
            self.ooms = kills()
            actions = () if self.pipes is None else self.pipes.open()
            try:
                self.pid = self._children.own(lambda: self._spawn(environment, actions))
            finally:
                if self.pipes is not None:
                    self.pipes.settle()
            self.status, self.core, self.gone = None, False, False
            self.sent.clear()
            self._spared = False
            return True

    def _spawn(self, environment: Mapping[str, str], actions: Sequence[Any]) -> int:
        given = None if self.handed_on is None else self.handed_on()

        def start() -> int:
            how = {"session": self._session, "terminal": self._terminal}
            return spawn(self.argv, environment, self._mask, actions=actions, handed_on=given, **how)

        return start() if self._cell is None else int(self._cell.spawn(start))

    def _refused(self, text: str) -> None:
        told, self.trouble = self.trouble, None
        # Once; each start would only say the same again.
        if told is not None:
            told("no-cgroup", text)

    def tidy(self) -> None:
        """Take away what was made for it."""
        if self._cell is not None:
            self._cell.remove()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return bool(self.pid) and self.status is None

    def watch(self) -> bool:
        """Look whether it has ended; return True from then on."""
        with self._lock:
            if not self.running:
                return self.gone
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if not pid:
                return False
            self.status, self.core = os.waitstatus_to_exitcode(status), os.WCOREDUMP(status)
            self._children.forget(pid)
            told = self._be_gone()
        for function in told:
            function()
        return True

    def abandon(self) -> None:
        """Let nobody wait for it: it does not run, and will not any more."""
        with self._lock:
            if self.running:
                return
            self._barred = True
            told = self._be_gone()
        for function in told:
            function()

    def _be_gone(self) -> list[Callable[[], object]]:
        self.gone = True
        told, self._when_gone = self._when_gone, []
        return told

    def when_gone(self, function: Callable[[], object]) -> None:
        """Let *function* be called when it has ended, on the thread that watches, or at once if it has."""
        with self._lock:
            if not self.gone:
                self._when_gone.append(function)
                return
        function()

    def bar(self) -> bool:
        """Let it not be started any more; return whether it ever was."""
        with self._lock:
            self._barred = True
            return bool(self.pid)

    def reached(self, signum: int) -> None:
        """Take note that it has this signal from elsewhere: so the first that asks it to end is spared."""
        with self._lock:
            self.sent.add(signum)
            self._spared = True

    def send(self, signum: int, *, group: bool = False, first: bool = False) -> bool:
        """Send it, or its *group*, a signal or its substitute, the *first* not twice; tell whether it was there."""
        number = self._rewrite.get(signum, signum)
        with self._lock:
            if first and self._spared:
                self._spared = False
                return self.running
            # It was not waited for, so its number is its own.
            if not self.running:
                return False
            if number:
                self.sent.add(number)
                (os.killpg if self._group or group else os.kill)(self.pid, number)
            return True

    def close_stdin(self) -> bool:
        """Close its standard input; tell whether that was ours to close."""
        return self.pipes is not None and bool(self.pipes.close_stdin())

    def strike(self, number: int) -> None:
        """Send it exactly this signal, whatever was to be sent in its place."""
        with self._lock:
            if self.running:
                self.sent.add(number)
                os.kill(self.pid, number)

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
                self.sent.add(kernel.KILL)
                os.kill(self.pid, kernel.KILL)
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
