"""The picture on a terminal of the kernel's, read at its other end."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import threading
from collections.abc import Generator
from typing import Any, NamedTuple

import pytest

from processender.live.view import Picture
from processender.screen import Screen
from processender.testing.clock import VirtualClock
from tests.screens import Seen
from tests.unit.live.runs import course_at
from tests.waits import until

MARK = b"\x05"
"""What no picture has in it."""


class Pair(NamedTuple):
    """The two ends of a terminal."""

    outside: int
    """What a person sees."""
    inside: int
    """What a program writes to."""

    def resize(self, rows: int, columns: int) -> None:
        """Give it another size."""
        fcntl.ioctl(self.inside, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def read(self) -> str:
        """Return what has been written since; it comes when the kernel likes, so a mark is waited for behind it."""
        os.write(self.inside, MARK)
        data = b""
        while MARK not in data:
            data += os.read(self.outside, 1 << 16)
        return data.replace(MARK, b"").decode()


@pytest.fixture
def pair() -> Generator[Pair, None, None]:
    """Return a terminal of 20 lines, 60 columns wide."""
    made = Pair(*os.openpty())
    made.resize(20, 60)
    yield made
    for each in made:
        os.close(each)


def test_a_picture_is_drawn_and_taken_away(pair: Pair) -> None:
    """It stands in the last lines, and leaves the terminal as it was found."""
    picture = Picture(pair.inside, Screen(60))
    picture.draw(course_at(1.0), 1.0)
    seen = Seen(20, 60).write(pair.read())
    drawn = seen.lines[-7:]
    picture.close()
    seen.write(pair.read())

    assert drawn[0].startswith("ending: SIGTERM by process 7")
    assert " ▸ flush-orders  0.7 s, 19.3 s left" in drawn[2]
    assert [] == seen.told
    assert seen.whole


def test_a_picture_grows_with_its_run(pair: Pair) -> None:
    """More lines are taken when there is more to show, and none is left behind."""
    picture = Picture(pair.inside, Screen(60))
    run = course_at(1.0)
    picture.draw({**run, "handlers": dict(list(run["handlers"].items())[:2])}, 1.0)
    picture.draw(run, 1.0)
    seen = Seen(20, 60).write(pair.read())

    assert 7 == len(seen.told)
    assert 1 == sum(line.startswith("ending") for line in seen.told)


def test_a_terminal_may_change_its_size(pair: Pair) -> None:
    """The next picture has the new one."""
    picture = Picture(pair.inside, Screen(60))
    picture.draw(course_at(1.0), 1.0)
    pair.read()
    pair.resize(16, 30)
    picture.draw(course_at(1.0), 1.0)
    seen = Seen(16, 30).write(pair.read())
    picture.close()

    assert any(line.startswith("26.0 s left") for line in seen.lines)
    assert Seen(16, 30).write(pair.read()).whole


@pytest.mark.parametrize("size", [(6, 80), (20, 19), (0, 0)])
def test_a_terminal_that_is_too_small_is_left_alone(pair: Pair, size: tuple[int, int]) -> None:
    """Nothing is written where a picture would take all there is."""
    pair.resize(*size)
    picture = Picture(pair.inside, Screen(60))
    picture.draw(course_at(1.0), 1.0)
    picture.close()

    assert "" == pair.read()


def follow(pair: Pair, runs: list[dict[str, Any]], now: float) -> str:
    """Follow *runs*, one after another, and return what was written when the last of them was looked at twice."""
    over, left, seen = threading.Event(), [*runs], [0]

    def whole() -> dict[str, Any]:
        seen[0] += 1
        return left.pop(0) if len(left) > 1 else left[0]

    followed = threading.Thread(
        target=Picture(pair.inside, Screen(60)).follow, args=(whole, over, VirtualClock(now)), daemon=True
    )
    followed.start()
    until(lambda: seen[0] > len(runs))
    text = pair.read()
    over.set()
    followed.join()
    return text


def test_nothing_is_drawn_while_a_run_holds(pair: Pair) -> None:
    """A drain may hold for days; the terminal is whole, and the end that follows is drawn again."""
    run = course_at(1.0)
    seen = Seen(20, 60).write(follow(pair, [run, {**run, "state": "drained"}], 1.0))
    again = Seen(20, 60).write(follow(pair, [{**run, "state": "drained"}, run], 1.0))

    assert seen.whole
    assert not again.whole


def test_the_terminal_is_whole_before_the_last_resorts(pair: Pair) -> None:
    """What ends the process then cannot give anything back."""
    run = course_at(1.0)
    seen = Seen(20, 60).write(follow(pair, [run], run["last"]))

    assert seen.whole
    assert run["soft"] < run["last"] < run["hard"]


def test_a_terminal_that_is_gone_is_no_error() -> None:
    """The run goes on, and its picture does not."""
    outside, inside = os.openpty()
    os.close(outside)
    over = threading.Event()
    Picture(inside, Screen(60)).follow(lambda: course_at(1.0), over, VirtualClock(1.0))
    os.close(inside)

    assert not over.is_set()
