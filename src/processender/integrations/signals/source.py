"""
Signals as a source of notices.

Theory of operation. A signal reaches the control thread twice, through one pipe: the C handler of the interpreter
writes the signal's number at once, whatever the main thread does (the wakeup descriptor); the Python handler, which
runs on the main thread when that gets there, writes the number plus 128. The second is heard only where the first is
missing, which tells that somebody has taken the wakeup descriptor. `loop.add_signal_handler` is never used: it waits
for a blocked loop, and takes the descriptor itself.

The Python handler alone is not enough: a signal that comes just before the main thread blocks in a lock leaves that
lock asleep. The process has one wakeup descriptor, so the source that holds it passes each byte on to the others, and
hands the descriptor over when it leaves. A signal that reaches a source out of order is told twice, which is harmless:
notices merge, and what counts signals does so at most twice a second.

The Python handler takes no lock, writes no log and raises nothing: it may have interrupted any line of any code.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence

from ...core.events import Trouble
from ...core.notice import Notice
from ...hints import Any
from ...ports import Clock
from .found import describe_handler, may_be_called, write_byte

PYTHON_PATH = 128
RETAKES = 20
"""More turns than a loop takes from the word that its server is up until it stops and is started anew."""
_armed: list[SignalSource] = []
"""The sources that hear signals now, in the order in which they began."""
Displaced = Callable[[int, Any], Any] | int | None


class SignalSource:
    """Hears signals, and leaves everything as it was found."""

    def __init__(self, signums: Sequence[int], wake_fd: int, clock: Clock, *, displaced: str, theft: str) -> None:
        """
        Take what to hear and where to write it; nothing is changed before `start`.

        Args:

            signums: The numbers of the signals.

            wake_fd: The non-blocking end of the pipe that the control thread reads.

            clock: Gives the time of a notice.

            displaced: When the handlers that were there before are called: `before`, `after-run` or `never`.

            theft: What happens when somebody else takes a signal later: `report`, or `rearm` when possible.
        """
        self.heard: set[int] = set()
        """The signals that were heard."""
        self._signums = tuple(signums)
        self.wake_fd = wake_fd
        self._clock = clock
        self._policy = displaced
        self._theft = theft
        self._displaced: dict[int, Displaced] = {}
        self._pending = bytearray(PYTHON_PATH)
        self._first_path: set[int] = set()
        self._old_wakeup = -1
        self._loop_fd = -1
        self._asked: set[int] = set()
        self._own: set[int] = set()
        self._has_wakeup = False
        self._stolen: set[int] = set()
        self._over = False
        """Whether the run is over: the next to hear signals are those that were displaced."""
        self.lent = False
        """Whether the wakeup descriptor is still in use, or in the hands of who puts it back one day (uvloop)."""
        self.left = False
        """Whether the signals were given back, as far as that was possible."""

    # On the main thread.

    def start(self) -> list[Trouble]:
        """Take the signals; return what could not be done."""
        if threading.current_thread() is not threading.main_thread():
            text = "signals are not heard: only the main thread can take them; enter the Ender there, or call install()"
            return [Trouble(self._clock.now(), "not-main-thread", text)]
        self._take(lambda _found: False)
        _armed.append(self)
        self.take_wakeup()
        return []

    def _take(self, spared: Callable[[Any], bool]) -> None:
        for signum in self._signums:
            found = signal.getsignal(signum)
            # Whoever started us with a signal ignored (nohup, a shell's background job) wants it so.
            if found is not signal.SIG_IGN and found is not None and not spared(found):
                self._displaced[signum] = signal.signal(signum, self._handle)
                self._stolen.discard(signum)

    def take_wakeup(self) -> None:
        """Take the wakeup descriptor of the process, unless it belongs to somebody."""
        self._old_wakeup = signal.set_wakeup_fd(self.wake_fd, warn_on_full_buffer=False)
        self._has_wakeup = True
        if self._old_wakeup >= 0:
            # An event loop waits for it (uvloop does all the time); the Python handler alone must do.
            signal.set_wakeup_fd(self._old_wakeup, warn_on_full_buffer=False)
            self._has_wakeup = False

    def host(self) -> list[Trouble]:
        """Take the signals from the server that has them, until `ask`, and no others; return what could not be done."""
        if threading.current_thread() is not threading.main_thread():
            text = "the server keeps its signals: only the main thread can take them over; give hosted() a stop="
            return [Trouble(self._clock.now(), "not-main-thread", text)]
        self._policy = "asked"
        self._take(_is_ours)
        found_fd = signal.set_wakeup_fd(self.wake_fd, warn_on_full_buffer=False)
        self._loop_fd = found_fd if found_fd != self.wake_fd else -1
        self._has_wakeup = True
        return []

    def keep(self) -> None:
        """
        Take the wakeup descriptor again, now and in the first turns of a loop that is started anew behind this one.

        uvloop takes it each time that it begins to run, and a server may run it for its start and again for its life.
        """
        asyncio = sys.modules.get("asyncio")
        if self._policy != "asked" or asyncio is None or threading.current_thread() is not threading.main_thread():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._retake(loop, RETAKES)
        loop.call_later(1.0, self._retake, loop, 0)

    def _retake(self, loop: Any, again: int) -> None:
        if self._over or not self._has_wakeup:
            return
        found_fd = signal.set_wakeup_fd(self.wake_fd, warn_on_full_buffer=False)
        if found_fd not in {self.wake_fd, -1}:
            self._loop_fd = found_fd
        if again:
            loop.call_soon(self._retake, loop, again - 1)

    def stop(self, *, deaf: bool = False) -> None:
        """
        Restore what is still ours; a handler that somebody put in our place stays.

        Who is *deaf* ignores from now on what would end the process, which is about to go.
        """
        self._over = self.left = True
        if self in _armed:
            _armed.remove(self)
        if threading.current_thread() is not threading.main_thread():
            self.lent = self._has_wakeup
            return
        for signum in self._displaced:
            if signal.getsignal(signum) == self._handle:
                behind = self.behind(signum)
                signal.signal(signum, signal.SIG_IGN if deaf and behind is signal.SIG_DFL else behind)
        if self._has_wakeup:
            now_set = signal.set_wakeup_fd(-1)
            if now_set not in {self.wake_fd, -1}:
                signal.set_wakeup_fd(now_set)
                self.lent = True
            elif self._loop_fd >= 0:
                signal.set_wakeup_fd(self._loop_fd, warn_on_full_buffer=False)
            elif _armed:
                _armed[0].take_wakeup()
            self._has_wakeup = False

    def rearm(self) -> None:
        """Take back what was stolen, if the policy says so; called whenever the main thread runs our code."""
        if not self._stolen or self._theft != "rearm" or self._over:
            return
        if threading.current_thread() is threading.main_thread():
            # The control thread adds to it meanwhile.
            for signum in tuple(self._stolen):
                self._displaced[signum] = signal.signal(signum, self._handle)
                self._stolen.discard(signum)

    def _handle(self, signum: int, frame: Any) -> None:
        if self.left:
            # Another thread left the Ender and could not give the signals back; now they are.
            signal.signal(signum, self.behind(signum))
            signal.raise_signal(signum)
            return
        displaced = self.behind(signum)
        if signum in self._asked:
            self._asked.discard(signum)
            displaced(signum, frame)
            return
        if not self._over:
            self._note(signum)
        # Another Ender only takes note, in no time; were it told later, it would count the signal twice.
        if (self._over or self._policy == "before" or _is_ours(displaced)) and may_be_called(displaced):
            displaced(signum, frame)

    def _note(self, signum: int) -> None:
        self._pending[signum] = 1
        write_byte(self.wake_fd, signum + PYTHON_PATH)

    def behind(self, signum: int) -> Any:
        """Return what was displaced by this one, behind all Enders that have been left since."""
        found: Any = self._displaced.get(signum)
        if _is_ours(found) and found.__self__.left:
            found = found.__self__.behind(signum)
        return found

    # On the control thread.

    def hear(self, byte: int) -> Notice | None:
        """Make a notice of a byte that a signal wrote, or return None if it says nothing new."""
        signum = byte % PYTHON_PATH
        if signum not in self._displaced:
            if self._loop_fd >= 0:
                write_byte(self._loop_fd, byte)
            return None
        if signum in self._own:
            self._own.discard(signum)
            return None
        if byte < PYTHON_PATH:
            self._first_path.add(signum)
            self._pass_along(byte)
        else:
            self._pending[signum] = 0
            if signum in self._first_path:
                self._first_path.discard(signum)
                return None
        self.heard.add(signum)
        return Notice(signal.Signals(signum).name, "signals", self._clock.now(), signum=signum)

    def _pass_along(self, byte: int) -> None:
        """Let the others hear what only the holder of the wakeup descriptor is told at once."""
        if self._has_wakeup:
            for other in tuple(_armed):
                if other is not self:
                    write_byte(other.wake_fd, byte)

    def missed(self) -> list[int]:
        """Return the bytes of signals whose flag is set and whose byte found the pipe full."""
        return [signum + PYTHON_PATH for signum in self._displaced if self._pending[signum]]

    def check(self) -> list[Trouble]:
        """Tell of signals that somebody else has taken since."""
        found = []
        for signum in self._displaced:
            handler = signal.getsignal(signum)
            # Another Ender passes on what it hears.
            mine = handler == self._handle or _is_ours(handler)
            if not mine and signum not in self._stolen and not self._over:
                self._stolen.add(signum)
                name = signal.Signals(signum).name
                text = (
                    f"{name} was taken by {describe_handler(handler)}; it reaches this Ender only while nobody takes"
                    " the wakeup descriptor too; let that code call ender.stop(), or use the adapter of that server,"
                    " or theft='rearm'"
                )
                found.append(Trouble(self._clock.now(), "signal-stolen", text))
        return found

    def ask(self) -> list[Trouble]:
        """Let the server's own handler of a signal run, on the main thread, once; return what could not be done."""
        main = threading.main_thread().ident
        for signum in dict.fromkeys((*self.heard, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)):
            displaced = self.behind(signum)
            wanted = self._policy == "asked" and may_be_called(displaced) and not _is_ours(displaced)
            if wanted and main is not None and signal.getsignal(signum) == self._handle:
                self._asked.add(signum)
                if self._has_wakeup:
                    self._own.add(signum)
                signal.pthread_kill(main, signum)
                if self._loop_fd >= 0:
                    # A loop looks at its signals when it is told, and some run no handler of Python's before.
                    write_byte(self._loop_fd, signum)
                return []
        text = "nobody knows how to ask the server to stop: it has no handler of a signal; give hosted() a stop="
        return [Trouble(self._clock.now(), "deaf-server", text)]

    def pass_on(self) -> None:
        """Let the displaced handlers of the signals that were heard run, on the main thread, as the last step."""
        if self._policy != "after-run" or self._over:
            return
        self._over = True
        main = threading.main_thread().ident
        for signum in self.heard:
            displaced = self.behind(signum)
            wanted = may_be_called(displaced) and not _is_ours(displaced)
            if wanted and main is not None and signal.getsignal(signum) == self._handle:
                signal.pthread_kill(main, signum)


def _is_ours(handler: Any) -> bool:
    """Tell whether *handler* is that of an Ender."""
    return isinstance(getattr(handler, "__self__", None), SignalSource)
