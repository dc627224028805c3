"""
Signals as the kernel counts them: their numbers and names, and the one thread that waits for all of them.

Theory of operation. Every signal is blocked from the first instant, so the kernel keeps whatever comes, real-time
signals in their number and order, until the main thread takes it, together with who has sent it. As PID 1 a process
loses for ever what it neither blocks nor handles. Nothing interrupts any line of the agent. Threads inherit the mask,
as they should; the command gets back the one with which the agent was started.

`_signal` is the half of `signal` that is written in C; the other half brings `enum` along, 3 ms of an init's start.
"""

from __future__ import annotations

import _signal
import os

from ..demand import load
from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

KILL, TERM, INT, QUIT, HUP = _signal.SIGKILL, _signal.SIGTERM, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGHUP
CHLD, CONT, STOP, ALRM = _signal.SIGCHLD, _signal.SIGCONT, _signal.SIGSTOP, _signal.SIGALRM
TSTP, TTIN, TTOU, IO, URG = _signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU, _signal.SIGIO, _signal.SIGURG
PIPE, XFSZ = _signal.SIGPIPE, _signal.SIGXFSZ
USR1, WINCH = _signal.SIGUSR1, _signal.SIGWINCH
ALL = tuple(sorted(_signal.valid_signals()))
"""The numbers of all signals; two of them the C library keeps for itself."""
_SECOND_NAMES = {"SIGCLD", "SIGPOLL", "SIGIOT"}
_NAMES: dict[int, str] = {
    number: name
    for name, number in vars(_signal).items()
    if name.startswith("SIG") and name[3:4] != "_" and name not in _SECOND_NAMES
}
_BY_SOMEBODY = (0, -1, -6)
"""Codes of signals that a process has sent: kill, sigqueue, tkill."""


_SI_KERNEL = 128
"""The highest code of any signal."""


class Heard:
    """One signal that has come."""

    __slots__ = ("by_kernel", "number", "pid", "sent", "uid")

    def __init__(self, number: int, *, by_kernel: bool = False, sent: bool = False, pid: int = 0, uid: int = 0) -> None:
        """Take its *number*, whether a process has *sent* it, and which, of which user, where the kernel tells."""
        self.number = number
        self.sent = sent
        self.by_kernel = by_kernel
        self.pid = pid
        self.uid = uid

    @property
    def sender(self) -> str:
        """Who has sent it, in words; empty for the kernel."""
        return sender(self.pid, self.uid) if self.sent else ""


def sender(pid: int, uid: int) -> str:
    """Return, in words, the process *pid* of the user *uid*; a process of another namespace has no number here."""
    return f"process {pid} of user {uid}" if pid else f"a process of user {uid}, outside this pid namespace"


def block() -> frozenset[int]:
    """Let the kernel keep every signal from now on; return the mask that was there before."""
    before = frozenset(int(number) for number in _signal.pthread_sigmask(_signal.SIG_BLOCK, ALL))
    if _signal.getsignal(CHLD) is _signal.SIG_IGN:
        # Whoever started us ignored it: then the kernel would reap our children itself, and nobody learn their codes.
        _signal.signal(CHLD, _signal.SIG_DFL)
    return before


def ignored() -> frozenset[int]:
    """Return the signals that whoever started us wants ignored; Python ignores two more for itself."""
    return frozenset(n for n in ALL if n not in {PIPE, XFSZ} and _signal.getsignal(n) is _signal.SIG_IGN)


def take(seconds: float | None = None, numbers: Collection[int] = ALL) -> Heard | None:
    """Wait for the next signal of *numbers*, at most *seconds*; return None when none came in this time."""
    info = _signal.sigwaitinfo(numbers) if seconds is None else _signal.sigtimedwait(numbers, max(0.0, seconds))
    if info is None or not _is_real(info):
        return None
    sent = info.si_code in _BY_SOMEBODY
    return Heard(info.si_signo, by_kernel=info.si_code > 0, sent=sent, pid=sent and info.si_pid, uid=info.si_uid)


def _is_real(info: Any) -> bool:
    """
    Tell whether *info* was written by the kernel.

    Python returns what happened to be in memory when a wait is interrupted and its time is over meanwhile: after this
    process, or its container or host, was stopped and goes on.
    """
    return info.si_signo in ALL and info.si_errno == 0 and abs(info.si_code) <= _SI_KERNEL


def restore(mask: Iterable[int]) -> None:
    """Give this thread back the *mask* with which the process was started; what was kept then comes at once."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)


def ignore(numbers: Iterable[int]) -> frozenset[int]:
    """Ignore *numbers* from now on; return those that were ignored before."""
    return frozenset(number for number in numbers if _signal.signal(number, _signal.SIG_IGN) is _signal.SIG_IGN)


def unblock(numbers: Iterable[int]) -> None:
    """Let *numbers* have their effect on this process, at once and from now on."""
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, numbers)


def hand_over(mask: Iterable[int], defaults: Iterable[int]) -> None:
    """In a child that is to become a command: *defaults*, and what Python ignores, get their effect, *mask* is kept."""
    for number in {*defaults, PIPE, XFSZ} - {KILL, STOP}:
        _signal.signal(number, _signal.SIG_DFL)
    restore(mask)


def default(number: int) -> None:
    """Let a signal have its default effect on this process from now on, where it can have another."""
    if number not in {KILL, STOP}:
        _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (number,))


def unhandle(number: int) -> None:
    """Let a signal have its default effect again where Python has seen to it that it has not."""
    if number in {PIPE, XFSZ} or _signal.getsignal(number) not in {_signal.SIG_IGN, _signal.SIG_DFL}:
        _signal.signal(number, _signal.SIG_DFL)


def wake() -> None:
    """Let the thread that waits look around; from any thread."""
    os.kill(os.getpid(), CHLD)


def name_of(number: int) -> str:
    """Return the name of a signal, such as `SIGTERM` or `SIGRTMIN+3`."""
    if number not in _NAMES and _signal.SIGRTMIN < number < _signal.SIGRTMAX:
        return f"SIGRTMIN+{number - _signal.SIGRTMIN}"
    return _NAMES.get(number, f"SIG{number}")


def number_of(text: str) -> int:
    """Return the number that *text*, like `TERM`, `SIGTERM`, `15` or `RTMIN+3`, names; raise `ValueError` for none."""
    word = text.strip().upper()
    if word.isascii() and word.isdigit() and int(word) in ALL:
        return int(word)
    name, sign, offset = word if word.startswith("SIG") else f"SIG{word}", "", ""
    for sign in ("+", "-"):
        head, found, offset = name.partition(sign)
        if found and head in {"SIGRTMIN", "SIGRTMAX"} and offset.isascii() and offset.isdigit():
            number = int(vars(_signal)[head]) + int(f"{sign}{offset}")
            if _signal.SIGRTMIN <= number <= _signal.SIGRTMAX:
                return number
    if name[3:4] != "_" and name in vars(_signal):
        return int(vars(_signal)[name])
    near = load("core.graph").nearest(word.removeprefix("SIG"), (each.removeprefix("SIG") for each in _NAMES.values()))
    hint = near if "did you mean" in near else "; write it like TERM, SIGTERM, 15 or RTMIN+3"
    raise ValueError(f"there is no signal {text!r}{hint}")
