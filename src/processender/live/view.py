"""
Who shows a run while it is on: a picture in the last lines of a terminal, and lines of text everywhere else.

A run that is over in a moment shows nothing. What a terminal lends is given back before the last resorts end the
process, and when the run is over; one view at a time has a terminal, the others write lines.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Mapping

from ..core.events import Event, RunEnded, RunStarted
from ..core.rendering import INFO, render
from ..engine.clock import SystemClock
from ..hints import Any
from ..ports import Clock
from ..screen import LEAST, Screen, painted, screen_of
from ..telemetry.logs import write_line
from .course import DRAINED, Course
from .frame import LEAST_ROWS, frame, sentence
from .panel import closed, drawn, lost, opened

PATIENCE_S = 0.5
"""How long a run is on before it is shown."""
TICK_S = 0.2
SAY_S = 5.0
"""How often a line says what is waited for, where nothing can be drawn."""
SWITCH = "PROCESSENDER_PROGRESS"
"""The variable that, set to `lines`, lets nobody draw."""
_GIVE_BACK_S = 0.5
_MOST = 14
Whole = Callable[[], dict[str, Any]]


def show(whole: Whole, over: threading.Event, descriptor: int, clock: Clock, say_s: float = SAY_S) -> None:
    """
    Show a run until it is *over*, on this thread.

    Args:

        whole: Returns the course as it is.

        over: Is set when the run is over.

        descriptor: Where to write.

        clock: Tells the time.

        say_s: How often a line says what is waited for, where nothing can be drawn, seconds.
    """
    environ = os.environ
    place = None if environ.get(SWITCH) == "lines" else terminal_of(descriptor, environ)
    if place is None:
        _say_lines(whole, over, descriptor, clock, say_s)
        return
    try:
        Picture(place, screen_of(_Stream(descriptor), environ)).follow(whole, over, clock)
    finally:
        # A child that was forked meanwhile has the same description, and would keep it.
        fcntl.flock(place, fcntl.LOCK_UN)
        os.close(place)


def _say_lines(whole: Whole, over: threading.Event, descriptor: int, clock: Clock, say_s: float) -> None:
    while not over.wait(say_s):
        run = whole()
        try:
            if run and run["state"] != DRAINED:
                write_line(descriptor, f"processender: {sentence(run, clock.now())}")
        except OSError:
            # The terminal is gone.
            return


class Picture:
    """The picture on one terminal."""

    def __init__(self, terminal: int, screen: Screen) -> None:
        """Take the descriptor of the *terminal*, and what it can show; nothing is written yet."""
        self._terminal = terminal
        self._screen = screen
        self._size = (0, 0)
        self._height = 0

    def follow(self, whole: Whole, over: threading.Event, clock: Clock) -> None:
        """Draw the run again and again until it is *over*; while it holds, or its last resorts are near, nothing."""
        wait = 0.0
        try:
            while not over.wait(wait):
                run, now, wait = whole(), clock.now(), TICK_S
                left = run.get("last", now + TICK_S) - now
                if left <= 0.0 or run.get("state") == DRAINED:
                    self.close()
                else:
                    self.draw(run, now)
                    wait = min(TICK_S, left)
        except OSError:
            # The terminal is gone.
            return
        finally:
            self.close()

    def draw(self, run: dict[str, Any], now: float) -> None:
        """Draw the *run* as it is *now*; a terminal that is too small shows nothing."""
        width, rows = os.get_terminal_size(self._terminal)
        if (width, rows) != self._size and self._height:
            self._write(lost())
            self._height = 0
        self._size = (width, rows)
        most = min(rows // 2, _MOST)
        if width < LEAST or most < LEAST_ROWS:
            return
        screen = self._screen.replace(width=min(width - 1, self._screen.width))
        lines = [painted(line, screen) for line in frame(run, now, screen, most)]
        text = ""
        if len(lines) > self._height:
            text = (closed(rows, self._height) if self._height else "") + opened(rows, len(lines))
            self._height = len(lines)
        self._write(text + drawn(rows, self._height, lines))

    def close(self) -> None:
        """Take it away."""
        if self._height:
            self._write(closed(self._size[1], self._height))
            self._height = 0

    def _write(self, text: str) -> None:
        data = text.encode(self._screen.encoding, "backslashreplace")
        try:
            while data:
                data = data[os.write(self._terminal, data) :]
        except OSError:
            # It is gone, or takes nothing: there is nobody to draw for.
            return


class Showing:
    """Shows one run after another on a thread of its own, which begins when a run takes long."""

    def __init__(self, whole: Whole, descriptor: int, clock: Clock) -> None:
        """Take what returns the course, and where to write."""
        self._whole, self._descriptor, self._clock = whole, descriptor, clock
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Show a run that has begun, if it takes long."""
        self.end()
        self._over = over = threading.Event()
        thread = threading.Thread(target=self._work, args=(over,), name="processender-progress", daemon=True)
        thread.start()
        self._thread = thread

    def end(self) -> None:
        """Take everything away; a terminal that takes nothing is not waited for for long."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(_GIVE_BACK_S)
            self._thread = None

    def _work(self, over: threading.Event) -> None:
        if not over.wait(PATIENCE_S):
            show(self._whole, over, self._descriptor, self._clock)


class Progress:
    """An observer that tells of each step in lines and, while a run takes long, shows it on a terminal."""

    def __init__(self, descriptor: int, clock: Clock, *, lines: bool) -> None:
        """Write to *descriptor*; without *lines* only the picture, or what is waited for."""
        self._descriptor = descriptor
        self._lines = lines
        self._course = Course()
        self._showing = Showing(self._course.whole, descriptor, clock)

    def observe(self, event: Event) -> None:
        """Take one event."""
        self._course.take(event)
        if gives_back(event):
            self._showing.end()
        level, _, text = render(event)
        if self._lines and level >= INFO:
            write_line(self._descriptor, f"processender: {text}")
        if isinstance(event, RunStarted):
            self._showing.begin()


def gives_back(event: Event) -> bool:
    """Tell whether a terminal is to be given back: the run is over, or the process is about to be ended at once."""
    return isinstance(event, RunEnded) or getattr(event, "level", 0) == 3


def progress(descriptor: int = 2, *, lines: bool = True) -> Progress:
    """
    Return an observer that shows each end while it is on: `Ender("orders", observers=[progress()])`.

    On a terminal the last lines become a picture of the run once it takes longer than half a second: the handlers, the
    time left, what is waited for, and retries. Elsewhere a line every few seconds says what is waited for.

    Args:

        descriptor: Where to write; by default standard error.

        lines: Whether each step is told in a line, too.
    """
    return Progress(descriptor, SystemClock(), lines=lines)


class _Stream:
    """As much of a stream as says what it can show."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.encoding = os.device_encoding(descriptor)

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor


def terminal_of(descriptor: int, environ: Mapping[str, str]) -> int | None:
    """
    Return a descriptor of our own for the terminal behind *descriptor* if we may draw there, else None.

    It must be one that can be steered, this process or its child in its foreground, and nobody else drawing there.
    """
    if environ.get("TERM", "dumb") in {"dumb", ""}:
        return None
    try:
        front = os.tcgetpgrp(descriptor)
        own = front == os.getpgrp() or _parent(front) == os.getpid()
        # A description of our own: a lock belongs to the description, and this one all children have as well.
        made = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC) if own else -1
    except OSError:
        return None
    if made < 0:
        return None
    try:
        fcntl.flock(made, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(made)
        return None
    return made


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])
