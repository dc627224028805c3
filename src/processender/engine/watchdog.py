"""
The two last resorts of a process, which need neither the event loop nor the interpreter's lock.

`faulthandler` writes every stack into a file that was opened beforehand and ends the process from a thread of its own,
written in C. Behind it stands the kernel's alarm, SIGALRM at its default. Both are armed when a notice is heard.

Each of them exists once in a process, so all watchdogs share them: the earliest window counts.
"""

from __future__ import annotations

import _signal
import faulthandler
import os
import stat
import threading

from ..core.window import Window
from ..ports import Clock

_LEAST_S = 0.001


class _Shared:
    """What the watchdogs of a process share: both last resorts exist once in it."""

    def __init__(self) -> None:
        """Nothing is armed yet."""
        self._lock = threading.RLock()
        self._windows: dict[int, tuple[Window, int]] = {}
        self._alarm_is_ours = False
        self._clock: Clock | None = None
        # A child forked while the thread in C runs would wait for that thread for ever, in its own exit.
        os.register_at_fork(before=self._pause, after_in_parent=self._resume, after_in_child=self._forget)

    def _pause(self) -> None:
        self._lock.acquire()
        if self._windows:
            faulthandler.cancel_dump_traceback_later()

    def _resume(self) -> None:
        if self._windows:
            self._set()
        self._lock.release()

    def _forget(self) -> None:
        self._windows.clear()
        self._alarm_is_ours = False
        self._lock.release()

    def arm(self, key: int, window: Window, file: int, clock: Clock) -> str:
        """Arm both for *window* unless an earlier one counts; return why one of them cannot be used, if so."""
        with self._lock:
            why_not = "" if self._alarm_is_ours else _alarm_owner()
            self._alarm_is_ours = not why_not
            self._windows[key], self._clock = (window, file), clock
            no_thread = self._set()
        return why_not or no_thread

    def disarm(self, key: int) -> None:
        """Let the window of *key* count no longer."""
        with self._lock:
            if self._windows.pop(key, None) is not None:
                self._set()

    def _set(self) -> str:
        """Set both for the window that ends first; return why the first one could not be, if so."""
        assert self._clock is not None  # something was armed
        now = self._clock.now()
        if not self._windows:
            faulthandler.cancel_dump_traceback_later()
            if self._alarm_is_ours:
                self._alarm_is_ours = False
                _signal.setitimer(_signal.ITIMER_REAL, 0.0)
            return ""
        no_thread = ""
        window, file = min(self._windows.values(), key=lambda each: each[0].hard)
        # First, since the other waits for ever in a child that was forked while the application itself had used it.
        if self._alarm_is_ours:
            _signal.setitimer(_signal.ITIMER_REAL, max(_LEAST_S, window.kill_at - now))
        if file >= 0:
            try:
                faulthandler.dump_traceback_later(max(_LEAST_S, window.dump_at - now), exit=True, file=file)
            except RuntimeError as error:
                # It has a thread of its own, and at the end the system may refuse to start one.
                no_thread = f"the first last resort is not armed: {error}; the second one is, where the kernel lets it"
        return no_thread


SHARED = _Shared()


class Watchdog:
    """Ends the process shortly before the hard deadline, whatever its Python code does."""

    def __init__(self, clock: Clock) -> None:
        """Nothing is armed yet."""
        self._clock = clock
        self.file = -1
        self._said = False
        self._path = ""
        self._process = os.getpid()
        self._catches = False

    def prepare(self, path: str) -> str:
        """
        Open the file at *path* for the stacks; return why that cannot be done, else an empty text.

        A fatal signal, such as SIGSEGV, is told there too, unless the application has `faulthandler` tell it elsewhere.
        """
        if self.file >= 0:
            return ""
        try:
            self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            # Never stderr: to a full pipe the dump would block for ever, and the process with it.
            self.file = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            return f"the stacks of a forced end cannot be written: {error}"
        # The null device stands in where there is no place; nothing is kept there, and it is nobody's to remove.
        self._path = path if stat.S_ISREG(os.fstat(self.file).st_mode) else ""
        self._process = os.getpid()
        self._catches = bool(self._path) and not faulthandler.is_enabled()
        if self._catches:
            faulthandler.enable(self.file)
        return ""

    def arm(self, window: Window) -> str:
        """Arm both for *window*; return why one of them cannot be armed, once, else an empty text."""
        why_not = SHARED.arm(id(self), window, self.file, self._clock)
        first, self._said = not self._said, True
        return why_not if first else ""

    def dump_now(self) -> None:
        """Write the stack of every thread where the last resort would."""
        if self.file >= 0:
            faulthandler.dump_traceback(file=self.file)

    def disarm(self) -> None:
        """Disarm both; other Enders and the application's own use of SIGALRM are left alone."""
        SHARED.disarm(id(self))

    def close(self) -> None:
        """Close the file, and remove it if it tells nothing."""
        self.let_go()
        if self.file >= 0:
            self.tidy()
            os.close(self.file)
            self.file = -1

    def tidy(self) -> None:
        """Remove the file if it tells nothing; what is armed would write into nothing from then on."""
        if self.file < 0 or not self._path or os.getpid() != self._process or os.fstat(self.file).st_size:
            return
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return

    def let_go(self) -> None:
        """Tell of no fatal signal any more."""
        if self._catches:
            self._catches = False
            faulthandler.disable()


def _alarm_owner() -> str:
    """Return why the kernel's alarm cannot be used, an empty text if it can."""
    if _signal.getsignal(_signal.SIGALRM) != _signal.SIG_DFL:
        return "SIGALRM belongs to the application, so the second last resort is not armed; the first one is"
    if _signal.getitimer(_signal.ITIMER_REAL) != (0.0, 0.0):
        return "the interval timer belongs to the application, so the second last resort is not armed; the first one is"
    return ""
