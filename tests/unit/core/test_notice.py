"""How notices merge into one deadline."""

from __future__ import annotations

import math

import pytest

from processender.core.notice import Deadline, DeadlineKind, Notice, bounded, merge
from processender.core.spans import LONGEST_S

TOLD, CONFIGURED, ASSUMED = DeadlineKind.TOLD, DeadlineKind.CONFIGURED, DeadlineKind.ASSUMED
GRACE = 30.0


def heard(at: float, deadline: float | None = None, kind: DeadlineKind = TOLD, *, extends: bool = False) -> Notice:
    """Return a notice of a made-up source."""
    return Notice("spot", "test", at, deadline=deadline, kind=kind, extends=extends)


FIRST = [
    ("no deadline: the grace counts", heard(100.0), (130.0, CONFIGURED)),
    ("told earlier than the grace", heard(100.0, 110.0), (110.0, TOLD)),
    ("told later than the grace", heard(100.0, 220.0), (220.0, TOLD)),
    ("configured by the source", heard(100.0, 190.0, CONFIGURED), (190.0, CONFIGURED)),
    ("assumed earlier than the grace", heard(100.0, 110.0, ASSUMED), (110.0, CONFIGURED)),
    ("assumed later than the grace", heard(100.0, 220.0, ASSUMED), (130.0, CONFIGURED)),
]


@pytest.mark.parametrize(("notice", "expected"), [row[1:] for row in FIRST], ids=[row[0] for row in FIRST])
def test_the_first_notice_opens_the_window(notice: Notice, expected: tuple[float, DeadlineKind]) -> None:
    """Its own deadline counts, else the configured grace, and an assumed one never lengthens that."""
    merged = merge(None, notice, GRACE)

    assert (100.0, *expected) == (merged.opened, merged.at, merged.kind)


LATER = [
    ("a signal without a deadline", (130.0, CONFIGURED), heard(105.0), (130.0, CONFIGURED)),
    ("told earlier replaces configured", (130.0, CONFIGURED), heard(105.0, 120.0), (120.0, TOLD)),
    ("told later replaces configured", (130.0, CONFIGURED), heard(105.0, 190.0), (190.0, TOLD)),
    ("told earlier replaces told", (130.0, TOLD), heard(105.0, 120.0), (120.0, TOLD)),
    ("told later does not replace told", (130.0, TOLD), heard(105.0, 190.0), (130.0, TOLD)),
    ("configured never shortens told", (130.0, TOLD), heard(105.0, 110.0, CONFIGURED), (130.0, TOLD)),
    ("configured never lengthens told", (130.0, TOLD), heard(105.0, 190.0, CONFIGURED), (130.0, TOLD)),
    ("assumed never shortens told", (130.0, TOLD), heard(105.0, 110.0, ASSUMED), (130.0, TOLD)),
    ("assumed never shortens configured", (130.0, CONFIGURED), heard(105.0, 110.0, ASSUMED), (130.0, CONFIGURED)),
    ("the same again", (130.0, TOLD), heard(105.0, 130.0), (130.0, TOLD)),
    ("an extension moves it later", (130.0, TOLD), heard(105.0, 190.0, extends=True), (190.0, TOLD)),
    ("an extension to an earlier instant", (130.0, TOLD), heard(105.0, 120.0, extends=True), (120.0, TOLD)),
]


@pytest.mark.parametrize(("current", "notice", "expected"), [row[1:] for row in LATER], ids=[row[0] for row in LATER])
def test_a_later_notice(
    current: tuple[float, DeadlineKind], notice: Notice, expected: tuple[float, DeadlineKind]
) -> None:
    """The earliest told deadline wins; what is trusted less changes nothing; only an extension moves it later."""
    merged = merge(Deadline(100.0, *current), notice, GRACE)

    assert (100.0, *expected) == (merged.opened, merged.at, merged.kind)


@pytest.mark.parametrize("notice", [row[2] for row in LATER], ids=[row[0] for row in LATER])
def test_a_later_notice_never_opens_a_new_window(notice: Notice) -> None:
    """The opening stays where the first notice put it."""
    merged = merge(Deadline(100.0, 130.0, CONFIGURED), notice, GRACE)

    assert 100.0 == merged.opened


def test_told_deadlines_merge_in_any_order() -> None:
    """Of two told deadlines the earlier one holds, whichever is heard first."""
    one, two = heard(101.0, 140.0), heard(102.0, 120.0)
    opened = Deadline(100.0, 130.0, CONFIGURED)

    assert merge(merge(opened, one, GRACE), two, GRACE) == merge(merge(opened, two, GRACE), one, GRACE)


@pytest.mark.parametrize(
    ("deadline", "expected"),
    [
        (math.nan, None),
        (math.inf, 100.0 + LONGEST_S),
        (1e300, 100.0 + LONGEST_S),
        (-math.inf, 100.0 - LONGEST_S),
        (None, None),
        (130.0, 130.0),
        (40.0, 40.0),
    ],
)
def test_a_deadline_is_one_that_timers_can_take(deadline: float | None, expected: float | None) -> None:
    """Whoever has made the notice: an endpoint, or an application that calls `stop(within=...)`."""
    assert expected == bounded(heard(90.0, deadline), 100.0).deadline
