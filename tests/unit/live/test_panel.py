"""The last lines of a terminal, and those of others above."""

from __future__ import annotations

import pytest

from processender.live.panel import closed, drawn, lost, opened
from tests.screens import Seen

ROWS = 10


@pytest.mark.parametrize("before", [0, 3, 30])
def test_others_write_above_and_nothing_is_torn(before: int) -> None:
    """However many lines come between two pictures, each of them is whole, and so is the picture."""
    seen = Seen(ROWS, 40)
    told = [f"line {number}" for number in range(before)]
    seen.write("".join(f"{line}\n" for line in told))
    seen.write(opened(ROWS, 3))
    for turn in range(5):
        seen.write(drawn(ROWS, 3, [f"picture {turn}", "a", "b"]))
        more = [f"between {turn} {number}" for number in range(turn * 2)]
        seen.write("".join(f"{line}\n" for line in more))
        told += more

    assert ["picture 4", "a", "b"] == seen.lines[-3:]
    assert told == seen.told[:-3]


def test_a_line_that_somebody_has_begun_goes_on() -> None:
    """A prompt without its end stays where it is, in its column."""
    seen = Seen(ROWS, 40).write("\n" * 20 + "working ... ")
    seen.write(opened(ROWS, 2) + drawn(ROWS, 2, ["p", "q"]) + "done\n")

    assert "working ... done" in seen.told


def test_what_was_taken_is_given_back() -> None:
    """Afterwards the terminal scrolls as a whole, the picture is gone, and all lines are there."""
    seen = Seen(ROWS, 40).write("one\ntwo\n" + opened(ROWS, 3) + drawn(ROWS, 3, ["p", "q", "r"]) + "three\n")
    seen.write(closed(ROWS, 3) + "four\n")

    assert seen.whole
    assert ["one", "two", "three", "four"] == seen.told


def test_a_picture_that_shrinks_leaves_nothing_behind() -> None:
    """Lines that it does not need any more are blank."""
    seen = Seen(ROWS, 40).write(opened(ROWS, 3) + drawn(ROWS, 3, ["p", "q", "r"]) + drawn(ROWS, 3, ["p"]))

    assert ["p", "", ""] == seen.lines[-3:]


def test_a_terminal_of_another_size_is_whole_again() -> None:
    """What is below the cursor goes, what others have written stays."""
    seen = Seen(ROWS, 40).write("one\n" + opened(ROWS, 3) + drawn(ROWS, 3, ["p", "q", "r"]) + lost())

    assert seen.whole
    assert ["one"] == seen.told
