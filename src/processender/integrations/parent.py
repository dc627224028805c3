"""
The parent process: hears that it has ended, which nobody else says.

Hears: the end of the process that has started this one, at once by its pidfd, and at a pace where the kernel has none.
A shell, a test runner or a supervisor that is killed leaves its children behind; this one then ends as it should.

Leaves: children that must die whatever they do: for those the agent has `--parent-death`, by which the kernel itself
sends a signal, without asking anybody.

Versions: Linux 5.3 and later by pidfd; any other POSIX system at a pace.
"""

from __future__ import annotations

import os
import select
import threading

from ..core.notice import Action, DeadlineKind, Notice
from ..errors import SourceError
from ..hints import Literal
from ..ports import Clock, Ears

__all__ = ["listen"]
HINT = "it is the first process, or lives where this one cannot see it"


class Parent:
    """The source."""

    def __init__(self, name: str, action: Action, within: float | None, every: float) -> None:
        """Take the arguments of `listen`."""
        self.name = name
        self.last: dict[str, str] = {}
        """What it has seen last, for the report."""
        self._action, self._within, self._every = action, within, every
        # It is noted now: by the time of `start` the parent may have ended, and another one would be watched.
        self._child, self._pid = os.getpid(), os.getppid()
        self._over = threading.Event()
        self._wake = -1

    def start(self, ears: Ears) -> None:
        """Watch from now on, on a thread."""
        if self._child != os.getpid():
            # In a fork child the parent is who has forked.
            self._child, self._pid = os.getpid(), os.getppid()
        if self._pid <= 1:
            self.last["parent"] = "none"
            text = f"cannot hear of the end from {self.name} (parent): process {self._pid} is no parent that can end"
            ears.trouble("source-away", f"{text}: {HINT}")
            return
        self.last["parent"] = f"process {self._pid} lives"
        self._over = over = threading.Event()
        asleep, self._wake = os.pipe()
        name = f"processender-{self.name}"
        threading.Thread(target=self._run, args=(ears, over, asleep), name=name, daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        wake, self._wake = self._wake, -1
        if wake < 0 or self._child != os.getpid():
            return
        try:
            # A byte, since a fork child may hold the pipe open.
            os.write(wake, b"!")
        except BrokenPipeError:
            pass  # who watched has gone, since the parent has
        finally:
            os.close(wake)

    def _run(self, ears: Ears, over: threading.Event, asleep: int) -> None:
        handle = _handle_of(self._pid)
        try:
            waits = select.poll()
            for descriptor in (asleep, *([handle] if handle >= 0 else [])):
                waits.register(descriptor, select.POLLIN)
            # Asked for behind the handle: had the parent ended before, its number could be another's.
            while os.getppid() == self._pid and not over.is_set():
                found = waits.poll(None if handle >= 0 else self._every * 1000)
                if any(descriptor == handle for descriptor, _ in found):
                    break
        finally:
            os.close(asleep)
            if handle >= 0:
                os.close(handle)
        if not over.is_set():
            self.last["parent"] = f"process {self._pid} has ended"
            ears.notify(self._notice(ears.clock))

    def _notice(self, clock: Clock) -> Notice:
        now = clock.now()
        deadline = None if self._within is None else now + self._within
        return Notice(
            "parent gone", self.name, now, self._action, deadline, DeadlineKind.CONFIGURED,
            sender=f"process {self._pid}", key="parent",
        )  # fmt: skip


def listen(
    *,
    name: str = "parent",
    action: Literal["advise", "drain", "stop"] = "stop",
    within: float | None = None,
    every: float = 1.0,
) -> Parent:
    """
    Return the source that watches the process which is the parent now; it is not watched before it is started.

    Args:

        name: What it is called in notices and troubles.

        action: What its end means.

        within: How long is left then, seconds; None leaves it at the grace.

        every: How often it looks where the kernel has no pidfd, seconds.

    Raises `SourceError` for what makes no sense.
    """
    if not every > 0:
        raise SourceError("cannot look without a pause: `every` must be above 0")
    if within is not None and not within >= 0:
        raise SourceError("cannot end in less than no time: `within` must not be below 0")
    return Parent(name, Action(action), within, every)


def _handle_of(pid: int) -> int:
    """Return a descriptor that becomes readable when process *pid* ends; -1 where there is none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        # No such call, a sandbox that forbids it, or a process that has just ended.
        return -1
