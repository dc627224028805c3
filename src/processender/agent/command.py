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
from .children import Children
from .oom import kills
from .program import child_environment, spawn
from .remains import Remains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


class Command(Remains):
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
        self.trouble: Callable[[str, str], object] = lambda _code, _text: None
        """Is told (a code and a text) of what cannot be done for it, or to it."""
        self.sent: set[int] = set()
        """The signals that have come from here."""
        self.pipes: Any = None
        """Its standard streams where they are pipes of ours (see `pipes`); None where they are those of the agent."""
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
        self._told: set[str] = set()
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
            self._cell = self._cell or load("agent.cgroup").make_cell(lambda text: self._say("no-cgroup", text))
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

    def _say(self, code: str, text: str) -> None:
        # Once; each start, and each signal, would only say the same again.
        if text not in self._told:
            self._told.add(text)
            self.trouble(code, text)

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
        """Send it, or its *group*, a signal or its substitute, the *first* not twice; tell whether it has got it."""
        number = self._rewrite.get(signum, signum)
        with self._lock:
            if first and self._spared:
                self._spared = False
                return self.running
            # It was not waited for, so its number is its own.
            if not self.running:
                return False
            if number:
                return self._deliver(number, group=self._group or group)
            return True

    def _deliver(self, number: int, *, group: bool = False) -> bool:
        """Send the signal and tell whether the kernel let us; the lock is held, and it runs."""
        try:
            (os.killpg if group else os.kill)(self.pid, number)
        except PermissionError:
            # Its program is setuid, or it has changed its user, and we have no CAP_KILL.
            who = f"process {self.pid} of {_tree().owner(self.pid)}"
            self._say("signal", f"cannot signal {who}: not permitted; give the agent CAP_KILL")
            return False
        self.sent.add(number)
        return True

    def close_stdin(self) -> bool:
        """Close its standard input; tell whether that was ours to close."""
        return self.pipes is not None and bool(self.pipes.close_stdin())

    def strike(self, number: int) -> None:
        """Send it exactly this signal, whatever was to be sent in its place."""
        with self._lock:
            if self.running:
                self._deliver(number)


def _tree() -> Any:
    """Return the room that reads /proc, which a command that leaves nothing behind never needs."""
    return load("agent.tree")
