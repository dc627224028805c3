"""Each of ten bugs that are planted in a service is found by a rehearsal, and nothing in the service without them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .rehearsed_programs import found, rehearse, rehearse_service

HANGS = {"scenarios": {"hangs": {"faults": ["notify hangs"], "assert": ["must-done", "within-window"]}}}
KEYS = {"scenarios": {"keys": {"faults": ["load-keys fails"], "assert": ["order", "exit-code"]}}}
GONE = {
    "scenarios": {"gone": {"faults": ["db refuse"]}},
    "upstreams": {"db": "127.0.0.1:9"},
}
BUGS = {
    "wrong-order": ("order", {}),
    "missing-needs": ("order", KEYS),
    "late-readiness": ("no-request-lost", {}),
    "no-timeout": ("within-window", HANGS),
    "endless-retry": ("must-done", GONE),
    "deaf": ("must-done", {}),
    "lost-flush": ("no-request-lost", {}),
    "leak": ("nothing-left-behind", {}),
    "exit-code": ("exit-code", {}),
}
"""All but the handler that must not run twice, which has a program of its own: each handler of that is run twice."""


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


CHARGE = """
import os
from processender import Ender
path = os.path.join(os.environ["REHEARSAL_WORK"], "charged.txt")
ender = Ender("till", grace=2.0, observers=())


@ender.handler(importance="must")
def charge():
    with open(path, os.environ["MODE"]) as file:
        file.write("once\\n")


with ender:
    print("ready", flush=True)
    ender.stopping.wait()
"""


@pytest.mark.parametrize(("mode", "good"), [("w", True), ("a", False)])
def test_a_handler_that_must_not_run_twice_is_found(mode: str, good: bool, tmp_path: Path) -> None:
    """It is run twice, and killed half-way and run again, and the state is compared."""
    program = tmp_path / "till.py"
    program.write_text(CHARGE, encoding="utf-8")
    verdict = rehearse(
        {
            "command": [sys.executable, str(program)],
            "ready": "ready",
            "env": {"MODE": mode},
            "lead": "0s",
            "state": ["{work}/*.txt"],
            "assert": ["must-done", "idempotent"],
        }
    )
    texts = [each.text for tried in verdict.tried for each in tried.findings]

    assert good == verdict.passed, found(verdict)
    assert 4 == len(verdict.tried)
    assert good or ["run twice" in text for text in texts] == [True, False]
    assert good or "killed half-way and run again" in texts[1]
