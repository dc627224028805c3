"""Each of ten bugs that are planted in a service is found by a rehearsal, and nothing in the service without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.bugs import BUGS, GONE, HANGS, KEYS, found, rehearse_service, rehearse_till


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    """By the assertion that it breaks."""
    assertion, table = BUGS[bug]
    verdict = rehearse_service(tmp_path, bug, **table)

    assert assertion in {each.assertion for tried in verdict.tried for each in tried.findings}, found(verdict)


def test_the_service_without_bugs_is_good_under_all_these_faults(tmp_path: Path) -> None:
    """What finds the bugs finds nothing else."""
    scenarios = {"plain": {}, **HANGS["scenarios"], **KEYS["scenarios"], **GONE["scenarios"]}
    verdict = rehearse_service(tmp_path, **{**GONE, "scenarios": scenarios})

    assert verdict.passed, found(verdict)
    assert 4 == len(verdict.tried)


@pytest.mark.parametrize(("mode", "good"), [("w", True), ("a", False)])
def test_a_handler_that_must_not_run_twice_is_found(mode: str, good: bool, tmp_path: Path) -> None:
    """It is run twice, and killed in its midst and run again, and the state is compared."""
    verdict = rehearse_till(tmp_path, mode)
    texts = [each.text for tried in verdict.tried for each in tried.findings]

    assert good == verdict.passed, found(verdict)
    assert 5 == len(verdict.tried)
    for how in ("run twice", "killed at its end and run again"):
        assert good or any(how in text for text in texts), found(verdict)
