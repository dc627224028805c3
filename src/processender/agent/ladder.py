"""
How a command is brought to its end, with everything that it has started itself.

Theory of operation. The end is a ladder: its steps (see `asking`), by default the stop signal, to the command alone, so
that it can end its helpers itself; when it is gone, TERM to whatever is left of its tree; and when the time of the
handler is up, KILL to all of it. Nobody sleeps on the ladder: each step waits for processes to end, through descriptors
that the kernel makes readable, and a look at the tree every now and then finds those born meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from ..core.events import Event
from ..ports import Context
from . import kernel
from .asking import Asking, Pace
from .command import Command
from .errors import AgentError
from .steps import Step
from .tree import Member, await_change, send, untold
from .unseen import unseen_in_words

LOOK_S = 0.05
"""How long the tree is left alone between two looks."""
KILLED_S = 0.5
"""How long KILL is waited for; what the kernel does not let go by then is told, and left."""
_GLANCE_S = 0.005
_NEED_S = 0.25
_NEED_SHARE = 0.05


class CommandKilled(AgentError):
    """The command, or something that it had started, did not end in its time and was killed."""

    code = "command-killed"


class Ladder:
    """Ends one command, on a worker of the engine."""

    def __init__(
        self,
        command: Command,
        steps: Sequence[Step],
        tell: Callable[[Event], object],
        *,
        wait_tree: bool = True,
    ) -> None:
        """Take the command, what asks it to end, who is told, and whether what it leaves is waited for."""
        self._command = command
        self._asking = Asking(command, steps, tell)
        self._wait_tree = wait_tree
        self._hurried = False
        self._bell_out, self._bell_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    @property
    def signals(self) -> tuple[int, ...]:
        """The signals of which a command that was asked to end may die."""
        return (*self._asking.signals, kernel.TERM, kernel.KILL, *self._command.sent)

    def stop(self, ctx: Context) -> None:
        """Bring it to its end in the time of *ctx*; raise `CommandKilled` when something of it had to be killed."""
        command = self._command
        if not command.bar():
            return
        span = ctx.remaining()
        need = min(_NEED_S, _NEED_SHARE * span)
        ctx.on_cancel(self._ring)
        command.when_gone(self._ring)
        self._asking.carry_out(Pace(ctx, need, lambda seconds: self._await((), seconds), self._ring))
        if command.gone and not self._wait_tree:
            return
        if command.gone:
            self._end_rest(ctx, need)
        if not command.all_gone():
            self._kill_in_time(span - ctx.remaining())
        if self._hurried:
            raise CommandKilled("it was killed, because it was asked to hurry before it had ended")

    def hurry(self) -> None:
        """Kill it now, although its time is not up."""
        self._hurried = True
        self._asking.hurry()
        self._command.kill()
        self._ring()

    def close(self) -> None:
        """Close what was opened."""
        os.close(self._bell_out)
        os.close(self._bell_in)

    def _ring(self) -> None:
        try:
            os.write(self._bell_in, b"!")
        except BlockingIOError:
            return

    def _await(self, members: Iterable[Member], seconds: float) -> None:
        await_change(list(members), self._bell_out, seconds)
        try:
            os.read(self._bell_out, 4096)
        except BlockingIOError:
            return

    def _end_rest(self, ctx: Context, need: float) -> None:
        """Ask what is left to end, each process once, until it has or the time is up."""
        told: dict[int, int] = {}
        unseen = False
        while not self._command.all_gone() and ctx.remaining() > need:
            left = self._command.tree()
            unseen = unseen or (not left and self._command.send_unseen(kernel.TERM, kernel.CONT))
            for member in untold(left, told):
                told[member.pid] = member.start
                send(member, kernel.TERM)
                send(member, kernel.CONT)
            self._await(left, min(LOOK_S if left or unseen else _GLANCE_S, ctx.remaining() - need))

    def _kill_in_time(self, waited: float) -> None:
        """Kill what is left, and what it has forked meanwhile, and raise what that means."""
        killed: dict[int, str] = {}
        for _ in range(int(KILLED_S / LOOK_S)):
            found = self._command.kill()
            killed.update({member.pid: member.name for member in found})
            self._await(found, LOOK_S if found else _GLANCE_S)
            if self._command.all_gone():
                break
        names = ", ".join(f"{pid} {name!r}" for pid, name in list(killed.items())[:5])
        names += f" and {len(killed) - 5} more" if len(killed) > 5 else ""
        names = names or unseen_in_words()
        if not self._command.all_gone():
            raise CommandKilled(f"not even KILL has ended {names}: the kernel does not let go of it")
        raise CommandKilled(f"{names} did not end in {waited:.2f} s and was killed")
