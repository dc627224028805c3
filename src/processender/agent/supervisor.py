"""
The command: how it is started, watched, and brought to its end with everything that it has started itself.

Theory of operation. The command leads a session of its own. Its end is a ladder: the stop signal to the command alone,
so that it can end its helpers itself; when it is gone, TERM to whatever is left of its tree; and when the time of the
handler is up, KILL to all of it. Nobody sleeps on the ladder: each step waits for processes to end, through
descriptors that the kernel makes readable, and a look at the tree every now and then finds those born meanwhile.

The main thread alone waits for the command (`watch`), a worker of the engine climbs the ladder (`stop`), and the guard
may kill all of it at any time (`kill`), whatever the others do.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Sequence

from ..ports import Context
from .children import Children
from .errors import AgentError
from .program import child_environment, spawn
from .tree import Member, await_change, open_handle, send, tree, untold

LOOK_S = 0.05
"""How long the tree is left alone between two looks."""
KILLED_S = 0.5
"""How long KILL is waited for; what the kernel does not let go by then is told, and left."""
_GLANCE_S = 0.005
_LOOKS = 3
_NEED_S = 0.25
_NEED_SHARE = 0.05


class CommandKilled(AgentError):
    """The command, or something that it had started, did not end in its time and was killed."""

    code = "command-killed"


class Supervisor:
    """One command and its tree. Safe for threads."""

    def __init__(self, argv: Sequence[str], children: Children, stop_signal: str = "TERM") -> None:
        """Take what to start, who knows the agent's children, and the name of the signal that asks it to end."""
        self.argv = tuple(argv)
        self.pid = 0
        """Its number, 0 before it was started."""
        self.status: int | None = None
        """How it ended: its exit code, or minus the signal that killed it; None before that."""
        self.core = False
        """Whether its end has left a core dump."""
        self.gone = False
        """Whether there is nothing to wait for: it has ended, or it will not be started any more."""
        self.handle = -1
        """A descriptor that can be read once it has ended; -1 when there is none. For the thread that watches."""
        self.more: dict[str, str] = {}
        """More variables for its environment; one with an empty value is taken out of it."""
        self._children = children
        self._signum = getattr(signal, f"SIG{stop_signal}")
        self._lock = threading.Lock()
        self._barred = False
        self._hurried = False
        self._when_gone: list[Callable[[], object]] = []
        self._bell_out, self._bell_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def start(self, grace: str) -> bool:
        """Start it and tell it its budget, *grace*; return False when its end was asked for before."""
        with self._lock:
            if self._barred:
                return False
            environment = child_environment({**os.environ, **self.more}, grace)
            environment = {name: value for name, value in environment.items() if value or self.more.get(name) is None}
            self.pid = self._children.own(lambda: spawn(self.argv, environment))
            # It was not waited for, so the number is its own.
            self.handle = open_handle(self.pid)
            return True

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
            if self.handle >= 0:
                os.close(self.handle)
                self.handle = -1
            told = self._be_gone()
        for function in told:
            function()
        return True

    @property
    def sent(self) -> tuple[int, ...]:
        """The signals that may have come from here."""
        return (self._signum, signal.SIGTERM, signal.SIGKILL)

    def when_gone(self, function: Callable[[], object]) -> None:
        """Let *function* be called when it has ended, on the thread that watches, or at once if it has."""
        with self._lock:
            if not self.gone:
                self._when_gone.append(function)
                return
        function()

    def _be_gone(self) -> list[Callable[[], object]]:
        self.gone = True
        told, self._when_gone = [self._ring, *self._when_gone], []
        return told

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

    def tree(self) -> list[Member]:
        """Return what can be seen of what is left of it."""
        return tree(os.getpid(), self.pid, self._children.strangers(self.pid), self._children.sessions)

    def stop(self, ctx: Context) -> None:
        """Bring it to its end in the time of *ctx*; raise `CommandKilled` when something of it had to be killed."""
        with self._lock:
            self._barred = True
            if not self.pid:
                return
        span = ctx.remaining()
        need = min(_NEED_S, _NEED_SHARE * span)
        ctx.on_cancel(self._ring)
        self._signal_leader(self._signum)
        # Who is stopped hears nothing before it goes on.
        self._signal_leader(signal.SIGCONT)
        while not self.gone and ctx.remaining() > need:
            # The main thread rings when it has waited for the command, and the engine when the time is up.
            self._await((), ctx.remaining() - need)
        if self.gone:
            self._end_rest(ctx, need)
        if not self.all_gone():
            self._kill_in_time(span)
        if self._hurried:
            raise CommandKilled("it was killed, because it was asked to hurry before it had ended")

    def hurry(self) -> None:
        """Kill it now, although its time is not up."""
        self._hurried = True
        self.kill()

    def kill(self, *, everything: bool = False) -> list[Member]:
        """Kill what is left of it, or really *everything* that came from the agent; return what was found."""
        with self._lock:
            self._barred = True
        if not self.pid and not everything:
            return []
        found = tree(os.getpid(), self.pid, self._children.inherited, ()) if everything else self.tree()
        self._signal_leader(signal.SIGKILL)
        for member in found:
            send(member, signal.SIGKILL)
        return found

    def close(self) -> None:
        """Close what was opened."""
        os.close(self._bell_out)
        os.close(self._bell_in)

    def _ring(self) -> None:
        try:
            os.write(self._bell_in, b"!")
        except BlockingIOError:
            return

    def _signal_leader(self, signum: int) -> None:
        with self._lock:
            # It was not waited for, so its number is its own.
            if self.running:
                os.kill(self.pid, signum)

    def _await(self, members: Iterable[Member], seconds: float) -> None:
        await_change(list(members), self._bell_out, seconds)
        try:
            os.read(self._bell_out, 4096)
        except BlockingIOError:
            return

    def _end_rest(self, ctx: Context, need: float) -> None:
        """Ask what is left to end, each process once, until it has or the time is up."""
        told: dict[int, int] = {}
        while not self.all_gone() and ctx.remaining() > need:
            left = self.tree()
            for member in untold(left, told):
                told[member.pid] = member.start
                send(member, signal.SIGTERM)
                send(member, signal.SIGCONT)
            self._await(left, min(LOOK_S if left else _GLANCE_S, ctx.remaining() - need))

    def _kill_in_time(self, span: float) -> None:
        """Kill what is left, and what it has forked meanwhile, and raise what that means."""
        killed: dict[int, str] = {}
        for _ in range(int(KILLED_S / LOOK_S)):
            found = self.kill()
            killed.update({member.pid: member.name for member in found})
            self._await(found, LOOK_S if found else _GLANCE_S)
            if self.all_gone():
                break
        names = ", ".join(f"{pid} {name!r}" for pid, name in list(killed.items())[:5])
        names += f" and {len(killed) - 5} more" if len(killed) > 5 else ""
        if not self.all_gone():
            raise CommandKilled(f"not even KILL has ended {names}: the kernel does not let go of it")
        raise CommandKilled(f"{names} did not end in {span:.2f} s and was killed")
