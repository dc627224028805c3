"""The machine-readable account of one run."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from processender.core.escalation import FORCE
from processender.core.events import (
    AttemptFailed,
    Escalated,
    HandlerEnded,
    HandlerStuck,
    Noted,
    NoticeHeard,
    PlanChanged,
    RunEnded,
    RunStarted,
    Trouble,
    WorkCut,
)
from processender.core.handler import Handler, Importance
from processender.core.notice import Notice
from processender.core.outcome import Outcome, Result, Verdict
from processender.core.window import Window
from processender.telemetry.facts import Facts
from processender.telemetry.report import ReportWriter
from processender.testing.clock import VirtualClock
from processender.testing.processes import Program
from processender.testing.simulate import make_plan

NOW, WALL = 100.0, 1_000_000.0
NOTICE = Notice("SIGTERM", "signals", NOW)
MADE = [
    Handler("flush", phase="flush", importance=Importance.MUST),
    Handler("commit", phase="commit", needs=("flush",)),
]
PLAN = make_plan(MADE, Window.open(NOW, 30.0))
STARTED = RunStarted(NOW, "run-1", NOTICE, PLAN)
ENDED = RunEnded(NOW + 5.0, "run-1", Verdict.DEGRADED, 5.0)


def writer(place: Path | None = None) -> ReportWriter:
    """Return a writer into *place*."""
    made = ReportWriter(Facts("orders", "1.2", "run-1"), VirtualClock(NOW, wall=WALL))
    if place is not None:
        (place / "reports").mkdir()
        made.open(str(place))
    return made


def account(*events: Any) -> dict[str, Any]:
    """Return the account after a run in which *events* happened."""
    made = writer()
    for event in (NoticeHeard(NOW, NOTICE), STARTED, *events, ENDED):
        made.observe(event)
    assert made.last is not None
    return made.last


def report(place: Path) -> dict[str, Any]:
    """Return the newest report."""
    found: dict[str, Any] = json.loads((place / "reports" / "last.json").read_text())
    return found


def test_the_keys_are_frozen() -> None:
    """Programs read them."""
    assert [
        "schema", "id", "service", "version", "instance", "host", "deployment", "zone", "node", "cause", "notices",
        "sources", "window", "verdict", "exit", "started", "ended", "seconds", "handlers", "plan", "in_flight_at_start",
        "in_flight", "cut", "skipped", "stuck", "retries", "journal",
        "command", "troubles", "environment",
    ] == list(account())  # fmt: skip


def test_dates_are_seconds_since_1970() -> None:
    """Monotonic instants mean nothing outside of the host."""
    made = account()

    assert (WALL, WALL + 5.0, 5.0) == (made["started"], made["ended"], made["seconds"])


def test_the_cause_is_that_of_the_first_notice() -> None:
    """Later ones are listed."""
    made = account(NoticeHeard(NOW + 1, Notice("SIGINT", "signals", NOW + 1)))

    assert ("SIGTERM", ["SIGTERM", "SIGINT"]) == (made["cause"], [notice["cause"] for notice in made["notices"]])


def test_a_notice_shows_its_deadline_as_a_date() -> None:
    """And how far it can be trusted."""
    made = account(NoticeHeard(NOW, Notice("spot", "aws", NOW, deadline=NOW + 120.0)))

    assert (WALL + 120.0, "told") == (made["notices"][1]["deadline"], made["notices"][1]["kind"])


def test_the_window_is_shown_with_its_slices() -> None:
    """In seconds."""
    assert {"length_s": 30.0, "work_s": 27.0, "reserve_s": 2.0, "kind": "configured"} == account()["window"]


def test_a_handler_is_shown_with_its_end() -> None:
    """Times are seconds from the notice."""
    result = Result("flush", Outcome.FAILED, "why", NOW + 1, NOW + 3, 2, "OSError: x")

    assert {
        "name": "flush",
        "phase": "flush",
        "importance": "must",
        "needs": [],
        "timeout_s": None,
        "outcome": "failed",
        "reason": "why",
        "error": "OSError: x",
        "notes": [],
        "attempts": 2,
        "started_s": 1.0,
        "ended_s": 3.0,
    } == account(HandlerEnded(NOW + 3, result))["handlers"][0]


def test_a_handler_that_never_ended_has_no_outcome() -> None:
    """It is not hidden."""
    assert [None, None] == [handler["outcome"] for handler in account()["handlers"]]


def test_a_skipped_handler_is_listed_with_its_reason() -> None:
    """A reader need not search for it."""
    skipped = Result("commit", Outcome.SKIPPED, "needs flush", None, NOW + 3)

    assert {"commit": "needs flush"} == account(HandlerEnded(NOW + 3, skipped))["skipped"]


def test_a_stuck_handler_is_listed_with_its_stack() -> None:
    """Line by line."""
    stuck = HandlerStuck(NOW + 2, "flush", "its 2 s are up", "one\ntwo")

    assert [{"handler": "flush", "reason": "its 2 s are up", "at_s": 2.0, "stack": ["one", "two"]}] == (
        account(stuck)["stuck"]
    )


def test_a_retry_is_listed() -> None:
    """With its error."""
    failed = AttemptFailed(NOW + 1, "flush", 1, "OSError: x", NOW + 2)

    assert [{"handler": "flush", "error": "OSError: x", "at_s": 1.0, "attempt": 1, "again_s": 2.0}] == account(failed)[
        "retries"
    ]


def test_a_trouble_is_listed() -> None:
    """With its stable code."""
    assert [{"code": "a", "text": "b"}] == account(Trouble(NOW, "a", "b"))["troubles"]


def test_a_handler_that_was_added_is_shown() -> None:
    """The plan that holds counts."""
    plan = make_plan([*MADE, Handler("late", phase="release")], PLAN.window)

    assert "late" == account(PlanChanged(NOW + 1, plan))["handlers"][-1]["name"]


def test_a_handler_that_was_removed_while_it_ran_is_shown() -> None:
    """It has begun, so it has an outcome, and that is told."""
    changed = PlanChanged(NOW + 1, make_plan(MADE[:0], PLAN.window))
    ended = HandlerEnded(NOW + 2, Result("flush", Outcome.DONE, "", NOW, NOW + 2, 1))

    assert [("flush", "done")] == [(h["name"], h["outcome"]) for h in account(changed, ended)["handlers"]]


def test_what_is_in_flight_and_the_exit_code_are_asked_for_at_the_end() -> None:
    """They are not known before."""
    made = writer()
    made.facts.in_flight = lambda: ["order 7"]
    made.facts.exit = lambda: 143
    made.observe(STARTED)
    made.observe(ENDED)

    assert made.last is not None
    assert (["order 7"], 143) == (made.last["in_flight"], made.last["exit"])


def test_without_a_run_there_is_no_account() -> None:
    """A notice alone is no run."""
    made = writer()
    made.observe(NoticeHeard(NOW, NOTICE))

    assert made.last is None


# On disk.


def test_a_provisional_report_is_on_disk_before_the_first_handler(tmp_path: Path) -> None:
    """If the process is cut now, the verdict is `forced`."""
    made = writer(tmp_path)
    made.observe(STARTED)

    assert ("forced", None) == (report(tmp_path)["verdict"], report(tmp_path)["ended"])


def test_the_final_report_replaces_it(tmp_path: Path) -> None:
    """Under the same name."""
    made = writer(tmp_path)
    made.observe(STARTED)
    made.observe(ENDED)

    assert "degraded" == report(tmp_path)["verdict"]


def test_nothing_else_is_left(tmp_path: Path) -> None:
    """No draft lies about."""
    made = writer(tmp_path)
    made.observe(STARTED)
    made.observe(ENDED)

    assert ["last.json", "run-1.json"] == sorted(os.listdir(tmp_path / "reports"))


def test_a_report_is_private(tmp_path: Path) -> None:
    """It shows causes, errors and stacks."""
    made = writer(tmp_path)
    made.observe(STARTED)
    made.observe(ENDED)

    assert 0o600 == stat.S_IMODE((tmp_path / "reports" / "run-1.json").stat().st_mode)


def test_last_points_to_the_newest_by_a_relative_name(tmp_path: Path) -> None:
    """The directory may be moved or mounted elsewhere."""
    writer(tmp_path).observe(STARTED)

    assert "run-1.json" == os.readlink(tmp_path / "reports" / "last.json")


def test_the_report_before_the_last_one_stays(tmp_path: Path) -> None:
    """`last.json` moves on, the file remains."""
    (tmp_path / "reports").mkdir()
    for run in ("run-1", "run-2"):
        made = ReportWriter(Facts("orders", "", run), VirtualClock(NOW))
        made.open(str(tmp_path))
        made.observe(STARTED)

    assert ("run-2", ["last.json", "run-1.json", "run-2.json"]) == (
        report(tmp_path)["id"],
        sorted(os.listdir(tmp_path / "reports")),
    )


def test_a_link_in_the_place_of_the_report_is_not_followed(tmp_path: Path) -> None:
    """Nobody makes us overwrite another file."""
    made = writer(tmp_path)
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "reports" / "run-1.json").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="cannot be written"):
        made.observe(STARTED)

    assert "precious" == (tmp_path / "victim").read_text()


def test_a_link_in_the_place_of_the_draft_is_not_followed(tmp_path: Path) -> None:
    """The same at the end."""
    made = writer(tmp_path)
    made.observe(STARTED)
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "reports" / "run-1.json.new").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="cannot be written"):
        made.observe(ENDED)

    assert "precious" == (tmp_path / "victim").read_text()


def test_a_report_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With the reason; the account is kept in memory all the same."""
    made = writer()
    made.open(str(tmp_path / "missing"))
    with pytest.raises(OSError, match=r"the report .*run-1\.json cannot be written: .*No such file"):
        made.observe(STARTED)

    assert made.last is not None


FULL = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from tests.unit.telemetry.test_report import ENDED, STARTED, writer
from pathlib import Path
made = writer(Path(sys.argv[1]))
if sys.argv[3] == "at the end":
    made.observe(STARTED)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))  # stands for a full disk: a write stops half-way
try:
    made.observe(ENDED if sys.argv[3] == "at the end" else STARTED)
except OSError as error:
    print("refused")
"""
ROOT = str(Path(__file__).parents[3])


def test_a_full_disk_leaves_no_torn_report(tmp_path: Path) -> None:
    """What could not be written in full is not there."""
    with Program(FULL, str(tmp_path), ROOT, "at the notice") as program:
        program.wait_for("refused")

    assert [] == os.listdir(tmp_path / "reports")


def test_a_full_disk_leaves_the_provisional_report(tmp_path: Path) -> None:
    """The final one could not replace it."""
    with Program(FULL, str(tmp_path), ROOT, "at the end") as program:
        program.wait_for("refused")

    assert ("forced", ["last.json", "run-1.json"]) == (
        report(tmp_path)["verdict"],
        sorted(os.listdir(tmp_path / "reports")),
    )


def test_handlers_stand_in_the_order_in_which_they_began() -> None:
    """Who reads a report reads what happened."""
    results = [
        HandlerEnded(NOW + 3, Result("commit", Outcome.DONE, started=NOW + 1, ended=NOW + 2, attempts=1)),
        HandlerEnded(NOW + 4, Result("flush", Outcome.DONE, started=NOW + 2, ended=NOW + 3, attempts=1)),
    ]

    assert ["commit", "flush"] == [handler["name"] for handler in account(*results)["handlers"]]


def test_the_newest_reports_are_kept(tmp_path: Path) -> None:
    """A service may end a thousand times."""
    made = writer(tmp_path)
    for number in range(100):
        (tmp_path / "reports" / f"{number:08x}-old.json").write_text("{}", encoding="utf-8")
    for event in (NoticeHeard(NOW, NOTICE), STARTED, ENDED):
        made.observe(event)
    left = sorted(path.name for path in (tmp_path / "reports").glob("*.json"))

    assert 64 + 1 == len(left)
    assert "run-1.json" in left
    assert "00000063-old.json" in left


def test_a_forced_end_says_the_code_of_the_interrupt() -> None:
    """No end of the run follows it, and what was guessed at the start is wrong."""
    made = writer()
    made.facts.exit = lambda: 137
    for event in (NoticeHeard(NOW, NOTICE), STARTED, Escalated(NOW + 2.0, FORCE, 2)):
        made.observe(event)
    assert made.last is not None

    assert ("forced", 130, 2.0) == (made.last["verdict"], made.last["exit"], made.last["seconds"])


def test_long_lists_end_with_a_count() -> None:
    """Ten thousand requests that were cut do not make a report that nobody can read."""
    cut = WorkCut(NOW + 1, ("GET /",) * 100, "0 s are over", 9900)
    notes = [Noted(NOW + 1, "flush", str(number)) for number in range(150)]
    ended = HandlerEnded(NOW + 2, Result("flush", Outcome.DONE, "", NOW, NOW + 2, 1))
    made = account(cut, cut, *notes, ended, *[Trouble(NOW, "too-late", "r")] * 300)

    assert ([{"what": "GET /", "reason": "0 s are over", "at_s": 1.0}] * 100, {"what": "and 19900 more"}) == (
        made["cut"][:-1],
        made["cut"][-1],
    )
    assert ("99", "and 50 more") == tuple(made["handlers"][0]["notes"][-2:])
    assert (101, {"code": "more", "text": "and 200 more"}) == (len(made["troubles"]), made["troubles"][-1])
