"""How often a person must ask."""

from __future__ import annotations

import pytest

from processender.core.escalation import FORCE, HURRY, NOTICE, Escalation

INT, QUIT, TERM = 2, 3, 15


@pytest.mark.parametrize(
    ("heard", "levels"),
    [
        ([(INT, 0.0)], [NOTICE]),
        ([(INT, 0.0), (INT, 1.0)], [NOTICE, HURRY]),
        ([(INT, 0.0), (INT, 1.0), (INT, 2.0)], [NOTICE, HURRY, FORCE]),
        ([(INT, 0.0), (INT, 1.0), (INT, 2.0), (INT, 3.0)], [NOTICE, HURRY, FORCE, FORCE]),
        ([(INT, 0.0), (INT, 0.01)], [NOTICE, 0]),
        ([(INT, 0.0), (INT, 0.4), (INT, 0.5)], [NOTICE, 0, HURRY]),
        ([(INT, 0.0), (QUIT, 1.0)], [NOTICE, HURRY]),
        ([(INT, 0.0), (QUIT, 0.1)], [NOTICE, 0]),
        ([(TERM, 0.0), (TERM, 1.0), (TERM, 2.0)], [NOTICE, NOTICE, NOTICE]),
        ([(TERM, 0.0), (INT, 1.0)], [NOTICE, NOTICE]),
        ([(TERM, 0.0), (INT, 0.01), (INT, 0.6)], [NOTICE, NOTICE, HURRY]),
        ([(INT, 0.0), (TERM, 1.0), (INT, 2.0)], [NOTICE, NOTICE, HURRY]),
    ],
)
def test_levels(heard: list[tuple[int, float]], levels: list[int]) -> None:
    """INT and QUIT count, each at least 0.5 s after the one counted before; TERM never does."""
    escalation = Escalation({INT, QUIT})

    assert levels == [escalation.level(signum, at) for signum, at in heard]


def test_a_signal_that_is_not_counted_moves_no_debounce() -> None:
    """The 0.5 s run from the last one counted, so that holding a key down still gets through."""
    escalation = Escalation({INT})
    levels = [escalation.level(INT, at / 10) for at in range(12)]

    assert [NOTICE, 0, 0, 0, 0, HURRY, 0, 0, 0, 0, FORCE, 0] == levels
