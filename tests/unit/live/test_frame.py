"""The picture of a run, as text."""

from __future__ import annotations

from typing import Any

import pytest

from processender.core.handler import Handler
from processender.live.frame import frame, seconds, sentence
from processender.screen import Screen, columns, painted
from tests.unit.live.runs import course_at


def drawn(run: dict[str, Any], now: float, width: int = 79, most: int = 40, **screen: Any) -> list[str]:
    """Return the picture as a person sees it."""
    made = Screen(width, **screen)
    return [painted(line, made).rstrip() for line in frame(run, now, made, most)]


def test_a_picture_shows_time_handlers_and_what_is_waited_for() -> None:
    """Who runs stands first, then who has failed, who waits and for whom, and who is done."""
    assert [
        "ending: SIGTERM by process 7 of user 0  26.0 s left of 27.0 s",
        "█░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  2 of 5 handlers ended",
        " ▸ flush-orders  0.7 s, 19.3 s left, attempt 3, OSError: broker slow",
        " ✗ warn          failed, ValueError: bad",
        " · audit         after flush-orders",
        " · close-pool    in phase close",
        " ✓ stop-intake   0.3 s",
    ] == drawn(course_at(1.0), 1.0)


def test_a_retry_is_counted_down() -> None:
    """Until the next attempt it says when that comes, and why the last one failed."""
    (row,) = [line for line in drawn(course_at(0.31), 0.31) if "flush-orders  again" in line]

    assert "attempt 1, OSError: broker away" in row


def test_time_goes_on_without_an_event() -> None:
    """The same course is another picture a moment later."""
    run = course_at(1.0)

    assert ["26.0 s left", "20.0 s left"] == [drawn(run, now)[0].split("  ")[1][:11] for now in (1.0, 7.0)]


def test_a_screen_of_ascii_shows_letters() -> None:
    """Without UTF-8 there is no block, no arrow and no tick."""
    lines = drawn(course_at(1.0), 1.0, encoding="ascii", signs=False)

    assert "".join(lines).isascii()
    assert any(line.startswith(" > flush-orders") for line in lines)


def test_twenty_columns_are_enough() -> None:
    """Each handler has a line, and who is at work or has failed a second one."""
    lines = drawn(course_at(1.0), 1.0, 20)

    assert all(columns(line) <= 20 for line in lines)
    assert ["26.0 s left", "2 of 5 ended", " ▸ flush-orders", "   0.7 s, 19.3 s le…"] == lines[1:5]


@pytest.mark.parametrize("width", [20, 33, 47, 48, 60, 100, 160])
@pytest.mark.parametrize("most", [1, 4, 7, 14])
def test_a_picture_fits_its_screen(width: int, most: int) -> None:
    """No line is too wide and there are not too many, whatever the handlers are called."""
    handlers = tuple(Handler(f"{'会社' * 30} {number}", phase="drain") for number in range(40))
    script = {each.name: OSError("\x1b[2J\n" * 99) for each in handlers}
    run = {**course_at(0.0, handlers, script), "in_flight": ["GET /\x1b]0;x\x07"]}
    lines = drawn(run, 0.0, width, most)

    assert len(lines) <= most
    assert all(columns(line) <= width for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_what_does_not_fit_is_counted() -> None:
    """The last line says how many more there are, and where they are."""
    handlers = tuple(Handler(f"h{number}", phase="drain") for number in range(30))
    script = {f"h{number}": 9.0 for number in range(30)}
    lines = drawn(course_at(1.0, handlers, script), 1.0, most=8)

    assert 8 == len(lines)
    assert lines[-1].startswith("  and ")
    assert lines[-1].endswith("running")


def test_colour_is_only_where_the_screen_has_it() -> None:
    """With it the picture has the same text."""
    assert not any("\x1b" in line for line in drawn(course_at(1.0), 1.0))
    assert any("\x1b[33m" in line for line in drawn(course_at(0.31), 0.31, colour=True))


def test_work_in_flight_is_named() -> None:
    """What a server still has to answer stands below the handlers."""
    run = {**course_at(1.0), "in_flight": ["GET /orders", "GET /stream"], "more": 5}

    assert "7 in flight: GET /orders, GET /stream" == drawn(run, 1.0)[-1]


def test_an_ended_run_has_no_time_left_to_show() -> None:
    """It shows its verdict instead."""
    lines = drawn(course_at(99.0), 99.0)

    assert "ended degraded: SIGTERM by process 7 of user 0" == lines[0]
    assert "5 of 5 handlers ended" == lines[1]


def test_nothing_is_drawn_of_no_run() -> None:
    """Before a run there is no picture."""
    assert [] == drawn({}, 0.0)


def test_who_cannot_draw_gets_a_sentence() -> None:
    """How long is left, and who is waited for, in a line for a log."""
    assert (
        "ending, 26.0 s left; waits for flush-orders (0.7 s, 19.3 s left, attempt 3, OSError: broker slow)"
        == sentence(course_at(1.0), 1.0)
    )


@pytest.mark.parametrize(
    ("time", "text"), [(0.0, "0.0 s"), (9.96, "10.0 s"), (99.94, "99.9 s"), (120.0, "120 s"), (3600.0, "60 min")]
)
def test_seconds_do_not_flicker(time: float, text: str) -> None:
    """A time has a tenth while that matters."""
    assert text == seconds(time)
