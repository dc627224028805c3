"""Who shows a run: lines where nothing can be drawn, and nothing that harms anybody."""

from __future__ import annotations

import os
import threading

from processender import progress
from processender.core.events import Escalated, RunEnded
from processender.core.outcome import Verdict
from processender.live.view import gives_back, show, terminal_of
from processender.testing.clock import VirtualClock
from tests.unit.live.runs import course_at
from tests.unit.live.test_course import STARTED
from tests.waits import until


def test_a_pipe_gets_lines() -> None:
    """Every so often a line says how long is left and what is waited for, without anything that steers a terminal."""
    reading, writing = os.pipe()
    over = threading.Event()
    shown = threading.Thread(target=show, args=(lambda: course_at(1.0), over, writing, VirtualClock(1.0), 0.01))
    shown.start()
    said = os.read(reading, 4096).decode()
    over.set()
    shown.join()
    os.close(reading)
    os.close(writing)

    assert said.startswith("processender: ending, 26.0 s left; waits for flush-orders (0.7 s, 19.3 s left")
    assert "\x1b" not in said


def test_a_pipe_that_nobody_reads_is_no_error() -> None:
    """The run is shown to nobody, and goes on."""
    reading, writing = os.pipe()
    os.close(reading)
    over, asked = threading.Event(), []

    def whole() -> dict[str, object]:
        asked.append(1)
        return course_at(1.0)

    shown = threading.Thread(target=show, args=(whole, over, writing, VirtualClock(1.0), 0.001))
    shown.start()
    until(lambda: len(asked) > 2)
    over.set()
    shown.join()
    os.close(writing)

    assert len(asked) > 2


def test_a_pipe_is_no_terminal() -> None:
    """Nobody draws there; nor on a terminal that is not that of this session, nor on a dumb one."""
    reading, writing = os.pipe()
    outside, inside = os.openpty()
    found = [terminal_of(writing, {"TERM": "xterm"}), terminal_of(inside, {"TERM": "xterm"}), terminal_of(inside, {})]
    for each in (reading, writing, outside, inside):
        os.close(each)

    assert [None, None, None] == found


def test_a_terminal_is_given_back_when_the_run_is_over_or_forced() -> None:
    """The third interrupt ends the process at once, and its terminal is whole before."""
    assert gives_back(RunEnded(1.0, "run-1", Verdict.CLEAN, 1.0))
    assert gives_back(Escalated(1.0, 3, 2))
    assert not gives_back(Escalated(1.0, 2, 2))


def test_a_short_run_is_told_in_lines_alone() -> None:
    """Who ends in a moment draws nothing."""
    reading, writing = os.pipe()
    observer = progress(writing)
    observer.observe(STARTED)
    observer.observe(RunEnded(0.1, "run-1", Verdict.CLEAN, 0.1))
    os.close(writing)
    with open(reading, encoding="utf-8") as told:
        lines = told.read().splitlines()

    assert ["processender: ended clean after 0.10 s"] == lines[1:]
    assert lines[0].startswith("processender: ending because of SIGTERM: 5 handlers")
