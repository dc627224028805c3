"""How a handler and a run ended."""

from __future__ import annotations

import pytest

from processender.core.outcome import Outcome, Result, Verdict, verdict


def test_a_run_without_handlers_is_clean() -> None:
    """There was nothing to do."""
    assert Verdict.CLEAN is verdict([])


@pytest.mark.parametrize("outcome", Outcome)
def test_one_handler_that_is_not_done_degrades_the_run(outcome: Outcome) -> None:
    """Only `done` is clean."""
    results = [Result("a", Outcome.DONE), Result("b", outcome)]
    expected = Verdict.CLEAN if outcome is Outcome.DONE else Verdict.DEGRADED

    assert expected is verdict(results)


def test_a_handler_that_never_began_took_no_time() -> None:
    """Its end is when it was skipped."""
    assert 0.0 == Result("a", Outcome.SKIPPED, ended=100.0).seconds


def test_the_seconds_run_from_the_first_attempt() -> None:
    """Retries included."""
    assert 2.5 == Result("a", Outcome.DONE, started=100.0, ended=102.5, attempts=2).seconds
