"""The verdict as text, as data, and as JUnit XML."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from processender.rehearsal.evidence import Evidence, Finding
from processender.rehearsal.load import Answer
from processender.rehearsal.matrix import Tried, Verdict
from processender.rehearsal.verdicts import as_data, as_junit, as_text

GOOD = Tried("plain", 1, (), Evidence(exit=0, seconds=0.5, window=10.0, answers=(Answer("1-1", 0.0, 0.1),)), 1.0)
BAD = Tried(
    "db gone",
    2,
    (Finding("must-done", "'flush' must be done"), Finding("exit-code", "it left with <1> \x1b\0 & more")),
    Evidence(exit=1, seconds=0.7, window=10.0, output="a\x1b]8;;x\nthe last line"),
    1.5,
)


def text(verdict: Verdict) -> str:
    """Return *verdict* for people."""
    return as_text(verdict, lambda scenario, seed: f"rehearse --scenario {scenario!r} --seed {seed}")


def test_a_good_verdict_is_short() -> None:
    """A line for the scenario, and one for all."""
    lines = text(Verdict((GOOD,), seconds=1.0)).splitlines()

    assert "ok     plain: 1 of 1 good; the end took 0.50 s, at most 0.50 s, of 10 s" == lines[0]
    assert "PASSED: 1 of 1 run good, 1 request, 0 lost, 1.0 s" == lines[-1]


def test_a_bad_verdict_tells_what_where_and_how_to_see_it_again() -> None:
    """By assertion, the first run of each, with what it has written."""
    told = text(Verdict((GOOD, BAD), seconds=2.0))

    assert "FAILED must-done in 1 run: db gone (seed 2)\n  'flush' must be done" in told
    assert 1 == told.count("    the last line") == told.count("  it has written what stands above")
    assert "again: rehearse --scenario 'db gone' --seed 2" in told
    assert told.endswith("FAILED: 1 of 2 runs good, 1 request, 0 lost, 2.0 s")


def test_what_was_answered_and_not_kept_is_counted() -> None:
    """A request that nobody has missed may be lost all the same."""
    lost = BAD.replace(
        evidence=BAD.evidence.replace(answers=(Answer("2-1", 0.0, 0.1), Answer("2-2", 0.0, 0.1)), kept="2-1 2-11")
    )
    verdict = Verdict((lost,), seconds=2.0)

    assert text(verdict).endswith("2 requests, 0 lost, 1 answered and not kept, 2.0 s")
    assert [1] == [each["not_kept"] for each in as_data(verdict)["runs"]]


def test_what_was_not_tried_is_said() -> None:
    """Nobody takes it for good."""
    verdict = Verdict((Tried("plain", 1, (Finding("starts", "no"),), Evidence(trouble="no")),), left_out=99)

    assert "99 runs were not tried" in text(verdict)
    assert "FAILED plain: it has not started" in text(verdict)


def test_nothing_tried_is_not_good() -> None:
    """An empty matrix proves nothing."""
    assert not Verdict(()).passed


def test_the_data_is_json_and_says_everything() -> None:
    """Each run, and how often each assertion failed."""
    data = json.loads(json.dumps(as_data(Verdict((GOOD, BAD), seconds=2.0))))

    assert {"must-done": 1, "exit-code": 1} == data["failed"]
    assert [True, False] == [each["passed"] for each in data["runs"]]
    assert [1, 0] == [each["requests"] for each in data["runs"]]
    assert data["schema"] == 1 and not data["passed"]


def test_junit_has_a_suite_for_each_scenario_and_a_case_for_each_seed() -> None:
    """What XML cannot say is left out."""
    root = ET.fromstring(as_junit(Verdict((GOOD, BAD), seconds=2.0)))
    suites = root.findall("testsuite")

    assert [("plain", "0"), ("db gone", "1")] == [(each.get("name"), each.get("failures")) for each in suites]
    assert ["must-done", "exit-code"] == [each.get("type") for each in suites[1].iter("failure")]
    assert "it left with <1> ?? & more" == list(suites[1].iter("failure"))[1].get("message")
