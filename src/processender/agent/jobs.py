"""
Job control: which session and terminal the command has, and what the keys of that terminal mean for both.

Theory of operation. A command either shares the session and the group of the agent, so that a shell above sees one job
and the terminal's keys reach both; or it leads a session of its own, to which a terminal is handed over. In its own
session it is an orphaned group, in which the kernel lets no key stop anybody, so there the agent stops it with STOP. In
either form whoever suspends the agent suspends the job, and CONT wakes both.
"""

from __future__ import annotations

import os

from ..demand import load
from ..hints import TYPE_CHECKING
from . import kernel
from .alarms import Alarms
from .command import Command
from .terminal import at_terminal, leave_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KEYS = (kernel.INT, kernel.QUIT)
_SUSPEND = (kernel.TSTP, kernel.TTIN, kernel.TTOU)
_PATIENCE_S = 5.0
_PATIENCE_SHARE = 1 / 3


class Jobs:
    """What one agent shares with its command."""

    def __init__(self, setsid: bool | None) -> None:
        """Take whether the command leads a session of its own; None for: unless it is started at the terminal."""
        self.session = not at_terminal() if setsid is None else setsid
        """Whether the command leads a session of its own."""
        self.terminal = self.session and os.isatty(0)
        """Whether its session is to have the terminal."""
        self._handed_over: set[int] = set()

    def rewrites(self, given: Mapping[int, int]) -> dict[int, int]:
        """Return what is sent in the place of which signal, *given* what was asked for."""
        return {**(dict.fromkeys(_SUSPEND, kernel.STOP) if self.session else {}), **given}

    def begin(self, parent_death: int) -> list[tuple[str, str]]:
        """Let go of the terminal, ask for the signal of the parent's death, 0 for none; return what cannot be done."""
        if self.terminal:
            try:
                leave_terminal()
            except OSError:
                # It is that of another session, as under a shell: the command can only have it as a file.
                pass
            else:
                if os.getsid(0) == os.getpid():
                    # The kernel tells the session of its loss; it is none.
                    self._handed_over = {kernel.HUP, kernel.CONT}
        if not parent_death:
            return []
        why = load("agent.prctl").die_with_parent(parent_death)
        text = f"cannot ask for {kernel.name_of(parent_death)} at the parent's death ({why}); nobody tells of it"
        return [("no-parent-death", text)] if why else []

    def take(self, heard: kernel.Heard, command: Command, policy: str) -> bool:
        """Do what a signal means for the job; tell whether that was all."""
        number = heard.number
        if number in self._handed_over and heard.pid in {0, os.getpid()}:
            self._handed_over.discard(number)
            return True
        both = heard.by_kernel and not self.session
        if both and number in _KEYS:
            return policy == "forward"
        if number in _SUSPEND and policy == "forward":
            if not both:
                command.send(number, group=self.session)
            # PID 1 cannot be stopped by a signal of its own; its command is.
            os.kill(os.getpid(), kernel.STOP)
            return True
        if number == kernel.CONT and policy == "forward" and self.session:
            command.send(number, group=True)
            return True
        return False

    def spare(
        self, heard: kernel.Heard, command: Command, alarms: Alarms, grace: float, ask: Callable[[], object]
    ) -> None:
        """
        Let a command that the terminal has asked to end not be asked twice, which to many means: at once.

        Args:

            heard: What means the end.

            command: The command.

            alarms: Who calls *ask* when it has not ended after a while.

            grace: The whole time to the end, seconds.

            ask: Asks it.
        """
        if not (heard.by_kernel and not self.session and heard.number in _KEYS):
            return
        if not _hears(command.pid, heard.number):
            return
        command.reached(heard.number)
        alarms.after(min(_PATIENCE_S, _PATIENCE_SHARE * grace), ask)


def _hears(pid: int, number: int) -> bool:
    """Tell whether a signal has an effect on the process *pid*, as far as that can be seen."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            fields = dict(line.split(b":", 1) for line in (file.readall() or b"").splitlines())
    except OSError:
        return False

    def has(field: bytes) -> bool:
        return bool(int(fields.get(field, b"0"), 16) >> (number - 1) & 1)

    # While a handler runs its signal is blocked, but it has been taken.
    return not has(b"SigIgn") and not (has(b"SigBlk") and (has(b"ShdPnd") or has(b"SigPnd")))
