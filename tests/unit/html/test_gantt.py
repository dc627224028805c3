"""One run, drawn in time."""

from __future__ import annotations

import re
from typing import Any

from processender.accounts.timeline import timeline
from processender.html.drawing import ceiling, ticks
from processender.html.gantt import MOST, about, gantt, scale_of
from tests.overviews import account


def short_run(**more: Any) -> dict[str, Any]:
    """Return a run that needed 2 s of its 30 s."""
    handlers = [{"name": "flush", "outcome": "done", "started_s": 0.0, "ended_s": 2.0}]
    return account() | {"handlers": handlers, "seconds": 2.0, "retries": []} | more


def test_a_run_that_needs_most_of_its_window_is_drawn_evenly() -> None:
    """A second is as long everywhere."""
    scale = scale_of(timeline(account() | {"seconds": 25.0}))

    assert not scale.folded
    assert abs(2 * scale.at(10.0) - scale.at(20.0)) < 1e-9


def test_of_a_run_that_needs_little_of_its_window_the_rest_is_folded() -> None:
    """Else its handlers would be too small to see; the window's end is there all the same."""
    line = timeline(short_run())
    scale = scale_of(line)

    assert 0.7 < scale.at(2.0) < 0.84 < scale.at(line.soft) < scale.at(line.hard) < 1.0
    assert sorted(places := [scale.at(number / 10) for number in range(310)]) == places


def test_a_run_beyond_its_window_is_drawn_beyond_its_end() -> None:
    """That is what must be seen first."""
    line = timeline(short_run(seconds=33.0))

    assert scale_of(line).at(30.0) < scale_of(line).at(33.0) < 1.0


def test_each_row_draws_the_end_of_the_window() -> None:
    """So the lines of all rows are one."""
    drawn = gantt(timeline(account()))

    assert drawn.count("<tr>") == 1 + 1 + 3 + 8
    assert drawn.count('class="hard"') == drawn.count('class="soft"') == drawn.count("<svg") == 12


def test_the_critical_path_is_marked_and_heard() -> None:
    """By its colour, by a line from one to the next, and in words."""
    drawn = gantt(timeline(account()))

    assert 3 == drawn.count("on the critical path</span>")
    assert ["drain requests", "flush orders", "close postgres"] == re.findall(r'class="critical">([^<]+)<', drawn)


def test_an_attempt_that_failed_is_a_bar_of_its_own_and_told() -> None:
    """With its error."""
    line = timeline(account())
    [flush] = [bar for bar in line.bars if bar.name == "flush orders"]

    assert 1 == gantt(line).count('class="o-again"')
    assert "attempt 1 failed: ConnectionError: reset by peer" in about(flush)


def test_of_very_many_handlers_those_on_the_critical_path_are_drawn_first() -> None:
    """And the others are counted."""
    many = [{"name": f"h{n}", "outcome": "done", "started_s": 0.0, "ended_s": 0.1} for n in range(500)]
    last = {"name": "slow", "outcome": "done", "started_s": 0.0, "ended_s": 9.0}
    drawn = gantt(timeline(account() | {"handlers": [*many, last]}))

    assert 'class="critical">slow<' in drawn
    assert f"and {501 - MOST} handlers more" in drawn


def test_a_damaged_account_is_drawn_too() -> None:
    """With what is left of it."""
    assert "<table" in gantt(timeline({"handlers": [{"name": "x", "started_s": "soon", "outcome": 7}]}))


def test_an_axis_has_round_numbers() -> None:
    """And not too many of them."""
    assert [0.0, 10.0, 20.0, 30.0] == ticks(30.6)
    assert (0.001, 0.2, 10) == (ceiling(0), ceiling(0.11), ceiling(7))
    assert all(len(ticks(extent / 7)) <= 7 for extent in range(1, 2000))
