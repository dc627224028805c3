"""Where everything stands, at a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from processender import Ender
from processender.errors import HandlerError
from processender.live.dump import Dump, picture, stacks, tasks
from processender.testing.clock import VirtualClock
from tests.unit.live.runs import course_at
from tests.unit.live.test_course import STARTED


def told(dump: Dump, reading: int, last: str) -> str:
    """Send the signal and return what is told up to *last*."""
    text = ""
    os.kill(os.getpid(), signal.SIGUSR1)
    while last not in text:
        text += os.read(reading, 65536).decode()
    return text


def dump_to(writing: int) -> Dump:
    """Return a dump that writes to *writing*."""
    return Dump(signal.SIGUSR1, lambda: "shop is ending", lambda: None, VirtualClock(1.0), writing)


def test_a_signal_tells_stacks_and_state_as_often_as_it_comes() -> None:
    """The stacks come at once, then who this is, its run and the names of its threads."""
    reading, writing = os.pipe()
    dump = dump_to(writing)
    dump.observe(STARTED)
    dump.start()
    try:
        texts = [told(dump, reading, "is processender-dump") for _ in range(2)]
    finally:
        dump.stop()
        os.close(reading)
        os.close(writing)

    for text in texts:
        assert "test_dump.py" in text
        assert "processender: shop is ending\nending: SIGTERM  26.0 s left of 27.0 s\n" in text
        assert " is MainThread\n" in text


def test_the_signal_is_given_back() -> None:
    """Afterwards it means what it meant before."""
    before = signal.getsignal(signal.SIGUSR1)
    dump = dump_to(2)
    dump.start()
    during = signal.getsignal(signal.SIGUSR1)
    dump.stop()
    dump.stop()

    assert before != during
    assert before == signal.getsignal(signal.SIGUSR1)


def test_only_the_main_thread_can_take_it() -> None:
    """On another one that is said, and nothing is taken."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(each.text for each in dump_to(2).start()))
    thread.start()
    thread.join()

    assert ["enter the Ender there"] == [text.rpartition("; ")[2] for text in found]


def test_each_task_tells_for_what_it_waits() -> None:
    """A task is named, with the chain of what it awaits."""

    async def waits_for_a_lock() -> None:
        await asyncio.Event().wait()

    async def main() -> list[str]:
        task = asyncio.create_task(waits_for_a_lock(), name="importer")
        await asyncio.sleep(0)
        found = tasks(asyncio.get_running_loop())
        task.cancel()
        return found

    assert any(each.startswith("task importer:\n") and "waits_for_a_lock" in each for each in asyncio.run(main()))


def test_a_run_and_the_stacks_of_others_are_plain_text() -> None:
    """Neither blocks nor colour: it is read in a log."""
    over = threading.Event()
    other = threading.Thread(target=over.wait, name="other")
    other.start()
    lines = [*picture(course_at(1.0), 1.0), *stacks([other, threading.current_thread()])]
    over.set()
    other.join()

    assert "".join(lines).isascii()
    assert ["thread other:"] == [line.partition("\n")[0] for line in lines if line.startswith("thread")]


@pytest.mark.parametrize(("dump", "text"), [("SIGTERM", "one of `signals`"), ("USR1", "no signal named 'USR1'")])
def test_a_signal_that_ends_is_none_that_tells(dump: str, text: str) -> None:
    """A signal has one meaning; a name that does not exist is refused at once."""
    with pytest.raises((HandlerError, ValueError), match=text):
        Ender("shop", dump=dump)
