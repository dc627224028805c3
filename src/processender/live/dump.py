"""
Where everything stands, on demand: a signal prints the state of the Ender and every stack on standard error.

Theory of operation. The stacks are written by `faulthandler`, in the very moment of the signal and whatever holds the
interpreter; behind it comes our own handler, which only wakes a thread, and that thread tells the rest: the state, the
names of the threads, and where each task of the application's event loop waits. A main thread that is stuck in foreign
code shows its stack all the same, and the rest as soon as it comes back.
"""

from __future__ import annotations

import _signal
import faulthandler
import os
import sys
import threading
from collections.abc import Callable, Iterable

from ..core.events import Event, Trouble
from ..engine.stacks import await_chain, thread_stack
from ..hints import Any
from ..ports import Clock
from ..screen import Screen, painted
from ..telemetry.logs import write_line
from .course import Course
from .frame import frame

STDERR = 2
_MOST_TASKS = 200
_PLAIN = Screen(120, colour=False, encoding="ascii", signs=False)


class Dump:
    """An observer that follows the run, and a signal that tells of it. To be started and stopped on the main thread."""

    def __init__(
        self, signum: int, about: Callable[[], str], loop: Callable[[], Any], clock: Clock, descriptor: int = STDERR
    ) -> None:  # fmt: skip
        """
        Take nothing yet.

        Args:

            signum: The number of the signal.

            about: Tells in a line who this is.

            loop: Returns the event loop of the application, None where there is none.

            clock: Tells the time.

            descriptor: Where to write.
        """
        self._signum, self._about, self._loop, self._clock = signum, about, loop, clock
        self._descriptor = descriptor
        self._course = Course()
        self._found: Any = None
        self._pipe = (-1, -1)
        self._thread: threading.Thread | None = None

    def observe(self, event: Event) -> None:
        """Take one event."""
        self._course.take(event)

    def start(self) -> list[Trouble]:
        """Take the signal; return what could not be done."""
        if threading.current_thread() is not threading.main_thread():
            text = "nothing is printed at the signal of `dump`: only the main thread can take it; enter the Ender there"
            return [Trouble(self._clock.now(), "not-main-thread", text)]
        self._pipe = reading, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(writing, False)
        self._found = _signal.signal(self._signum, lambda _signum, _frame: _wake(writing))
        faulthandler.register(self._signum, file=self._descriptor, all_threads=True, chain=True)
        self._thread = threading.Thread(target=self._work, args=(reading,), name="processender-dump", daemon=True)
        self._thread.start()
        return []

    def stop(self) -> None:
        """Give the signal back as it was found."""
        reading, writing = self._pipe
        if reading < 0 or threading.current_thread() is not threading.main_thread():
            return
        faulthandler.unregister(self._signum)
        _signal.signal(self._signum, self._found if self._found is not None else _signal.SIG_DFL)
        self._pipe = (-1, -1)
        # A fork child has no such thread; else that ends with the pipe, and closes its own end.
        alone = self._thread is not None and not self._thread.is_alive()
        for descriptor in (writing, reading) if alone else (writing,):
            os.close(descriptor)

    def _work(self, reading: int) -> None:
        while os.read(reading, 1024):
            write_line(self._descriptor, self.text())
        os.close(reading)

    def text(self) -> str:
        """Return the state, the names of the threads, and the tasks."""
        lines = [f"processender: {self._about()}", *picture(self._course.whole(), self._clock.now())]
        lines += [f"thread {each.ident or 0:#018x} is {each.name}" for each in threading.enumerate()]
        return "\n".join([*lines, *tasks(self._loop())])


def _wake(writing: int) -> None:
    try:
        os.write(writing, b"!")
    except OSError:
        # It is awake already, or nobody is there any more.
        return


def picture(run: dict[str, Any], now: float) -> list[str]:
    """Return the *run* as lines of plain text."""
    return [painted(line, _PLAIN).rstrip() for line in frame(run, now, _PLAIN, 1000)]


def stacks(threads: Iterable[threading.Thread]) -> list[str]:
    """Return the stack of each of *threads* but this one."""
    own = threading.get_ident()
    named = [(each.name, each.ident) for each in threads if each.ident not in {None, own}]
    return [f"thread {name}:\n{thread_stack(ident) or '  it waits for work of ours'}" for name, ident in named if ident]


def tasks(loop: Any) -> list[str]:
    """Return where each task of *loop* waits; it runs on another thread, so what changes meanwhile may be missing."""
    asyncio = sys.modules.get("asyncio")
    if loop is None or asyncio is None:
        return []
    try:
        found = list(asyncio.all_tasks(loop))
    except RuntimeError:
        return ["the tasks change too fast to be listed"]
    told = [f"task {each.get_name()}:\n{await_chain(each.get_coro()) or '  it runs'}" for each in found[:_MOST_TASKS]]
    return told + ([f"and {len(found) - _MOST_TASKS} more tasks"] if len(found) > _MOST_TASKS else [])
