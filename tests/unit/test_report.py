"""`processender report` and `processender mark`: what is asked, what is printed, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from processender.archive.lines import take
from processender.cli import main as door
from processender.cli.report import Reading
from processender.engine.clock import SystemClock
from processender.telemetry.state import state_place
from tests.unit.test_report_screen import Terminal

NOW = SystemClock().wall()
HOUR = 3600.0


def account(number: int, **more: Any) -> dict[str, Any]:
    """Return the account of a clean run, *number* hours ago, but for what *more* says."""
    began = round(NOW - (number + 1) * HOUR, 3)
    usual = {"importance": "should", "reason": "", "error": "", "attempts": 1, "needs": [], "timeout_s": 60.0}
    return {
        "schema": 1, "id": f"{int(began):x}-{number:012x}", "service": "shop", "version": "1.4.1", "zone": "a",
        "deployment": "", "node": "n1", "instance": "i1", "cause": "SIGTERM", "verdict": "clean", "started": began,
        "ended": began + 2, "seconds": 2.0, "window": {"length_s": 10.0, "work_s": 9.0, "reserve_s": 0.5}, "retries": [],
        "handlers": [
            {**usual, "name": "flush", "phase": "flush", "outcome": "done", "started_s": 0.0, "ended_s": 1.5},
            {**usual, "name": "close", "phase": "close", "outcome": "done", "started_s": 1.5, "ended_s": 2.0},
        ],
        **more,
    }  # fmt: skip


def keep(told: dict[str, Any], *, report: bool = True) -> None:
    """Keep an account as a process does: its line, and its report."""
    place = state_place(told["service"], os.environ).path
    take(place, told)
    if report:
        Path(place, "reports", f"{told['id']}.json").write_text(json.dumps(told))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a state directory with runs of three days: the newer version is worse, and one run was killed."""
    monkeypatch.setenv("PROCESSENDER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "100")
    for number in range(70):
        newer = number < 35
        bad = {"verdict": "degraded"} if newer and number % 2 else {}
        keep(
            account(number, version="1.4.2" if newer else "1.4.1", zone="ab"[number % 3 == 0], **bad), report=number < 3
        )
    keep(account(0, id=f"{int(NOW - 700):x}-killed", started=NOW - 700, ended=None, seconds=None, verdict="forced"))
    return tmp_path / "state"


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Return the exit code and what was written to both streams."""
    try:
        code = door.main(argv)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    written = capsys.readouterr()
    return code, written.out, written.err


Capture = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("state")
class TestReport:
    def test_the_overview_is_what_is_asked_for_by_nothing(self, capsys: Capture) -> None:
        """The share, what is worse, the handlers and the newest runs."""
        code, out, err = call(capsys, "report")

        assert (0, "") == (code, err)
        assert out.startswith("shop\n71 shutdowns, ")
        assert "  53 clean  17 degraded  1 killed" in out
        assert "worse since 1.4.2: " in out
        assert "  flush  " in out

    def test_a_run_of_which_nothing_was_heard_again_is_killed(self, capsys: Capture) -> None:
        """Once its window is long over."""
        out = call(capsys, "report", "--last")[1]

        assert "  killed  after SIGTERM  no end of 10 s" in out
        assert "planned: flush, close" in out

    def test_the_timeline_of_a_run_is_asked_for_by_its_id(self, capsys: Capture) -> None:
        """With the critical path, and what was left of the window."""
        code, out, err = call(capsys, "report", "--id", account(1)["id"])

        assert (0, "") == (code, err)
        assert "critical path: flush > close" in out
        assert "window: handlers had 9 s, and it ended at 10 s; 8.00 s were left" in out

    def test_of_a_report_that_is_not_kept_any_more_the_line_is_shown(self, capsys: Capture) -> None:
        """And it is said why there is no more."""
        code, out, err = call(capsys, "report", "--last", "--until", "40h")

        assert (0, True) == (code, "is not kept any more" in err)
        assert "shop 1.4.1  clean  after SIGTERM  2.00 s of 10 s" in out

    def test_the_timeline_is_data_too(self, capsys: Capture) -> None:
        """The account as it is kept, and what was made of it."""
        data = json.loads(call(capsys, "report", "--json", "--id", account(1)["id"])[1])

        assert account(1)["id"] == data["account"]["id"]
        assert ["flush", "close"] == data["timeline"]["critical"]

    def test_the_overview_is_data_too(self, capsys: Capture) -> None:
        """All of it."""
        data = json.loads(call(capsys, "report", "--json")[1])

        assert (71, 53, 1) == tuple(data["counts"][name] for name in ("runs", "clean", "killed"))
        assert ["1.4.2", "1.4.1"] == [each["name"] for each in data["versions"]]

    def test_runs_are_lines_of_csv(self, capsys: Capture) -> None:
        """The newest first."""
        rows = list(csv.DictReader(io.StringIO(call(capsys, "report", "--csv")[1])))

        assert 71 == len(rows)
        assert ["killed", "clean", "degraded"] == [each["verdict"] for each in rows[:3]]
        assert sorted((float(each["began"]) for each in rows), reverse=True) == [float(each["began"]) for each in rows]

    def test_what_is_asked_for_can_be_narrowed(self, capsys: Capture) -> None:
        """By all that is known of a run."""
        asked = [
            "shop",
            "--version",
            "1.4.2",
            "--zone",
            "a",
            "--cause",
            "SIGTERM",
            "--since",
            "10.5h",
            "--until",
            "30m",
        ]
        data = json.loads(call(capsys, "report", *asked, "--json")[1])

        assert {"runs": 6, "clean": 3} == {name: data["counts"][name] for name in ("runs", "clean")}

    def test_advice_comes_from_the_history(self, capsys: Capture) -> None:
        """As text, and as data."""
        text = call(capsys, "report", "--advise")[1]
        data = json.loads(call(capsys, "report", "--advise", "--json")[1])

        assert re.search(r"timeout 60s → 4\.\ds\n", text)
        assert {"flush", "close"} <= {each["about"] for each in data["advice"]["shop"]}

    def test_a_page_is_written_whole(self, capsys: Capture, tmp_path: Path) -> None:
        """Over one that was there."""
        page = tmp_path / "report.html"
        page.write_text("old")
        code, out, err = call(capsys, "report", "--html", str(page))

        assert (0, "", "") == (code, out, err)
        assert page.read_text().lower().startswith("<!doctype html>")
        assert ["report.html"] == [each.name for each in tmp_path.glob("report.html*")]

    def test_a_page_that_cannot_be_written_is_a_mistake(self, capsys: Capture, tmp_path: Path) -> None:
        """It is said where, and why."""
        code, _, err = call(capsys, "report", "--html", str(tmp_path / "no" / "report.html"))

        assert 2 == code
        assert f"cannot write {tmp_path}/no/report.html: No such file or directory; name another file" in err

    def test_states_of_many_nodes_are_read_together(self, capsys: Capture, tmp_path: Path, state: Path) -> None:
        """From a directory that holds them."""
        (tmp_path / "fleet").mkdir()
        os.rename(state, tmp_path / "fleet" / "n1")
        code, out, _ = call(capsys, "report", "--from", str(tmp_path / "fleet"))

        assert (0, True) == (code, out.startswith("shop\n71 shutdowns, "))

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (["shpo"], "service 'shpo' in "),
            (["shpo"], "did you mean 'shop'?"),
            (["--version", "1.4.3"], "did you mean '1.4."),
            (["--cause", "spot"], "known: SIGTERM"),
            (["--since", "1m"], "there are others: see --since, --until"),
            (["--until", "2001-01-01"], "--since 1y finds them"),
            (["--id", "../../etc/passwd"], "there is no run '../../etc/passwd'"),
            (["--last", "--zone", "q"], "zone 'q'"),
        ],
    )
    def test_where_there_is_none_it_is_said_what_there_is(self, capsys: Capture, argv: list[str], said: str) -> None:
        """With an exit code of its own."""
        code, out, err = call(capsys, "report", *argv)

        assert (1, "") == (code, out)
        assert said in err

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (["--json", "--csv"], "choose one"),
            (["--last", "--advise"], "choose one"),
            (["--csv", "--last"], "use --json"),
            (["--html", "x", "--advise"], "use --json"),
            (["--since", "yesterday"], "--since: 'yesterday' is no instant; write one like '7d'"),
            (["--from", "redis://h"], "write a directory, or postgresql://"),
            (["--from", "/does/not/exist"], "cannot read the archive below /does/not/exist"),
        ],
    )
    def test_a_mistake_says_what_to_write(self, capsys: Capture, argv: list[str], said: str) -> None:
        """And nothing is printed."""
        code, out, err = call(capsys, "report", *argv)

        assert (2, "") == (code, out)
        assert said in err


def test_a_long_reading_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, in place; what is short, and what goes into a file, is not told of."""
    stream = Terminal("utf-8")
    monkeypatch.setattr(sys, "stderr", stream)
    reading = Reading()
    for done, whole in ((10, 20), (1 << 28, 1 << 30), ((1 << 28) + 1, 1 << 30), (1 << 30, 1 << 30)):
        reading.tell(done, whole)
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO()))
    Reading().tell(1 << 28, 1 << 30)

    assert b"\r\x1b[Kprocessender: reading what is new: 25 %\r\x1b[K" == stream.buffer.getvalue()
    assert b"" == sys.stderr.buffer.getvalue()


def test_before_the_first_run_there_is_nothing(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a state directory, nor an error."""
    monkeypatch.setenv("PROCESSENDER_STATE", str(tmp_path / "state"))
    code, out, err = call(capsys, "report")

    assert (1, "") == (code, out)
    assert "nothing is there yet: a run is noted as it begins" in err
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("state")
class TestMark:
    def test_a_mark_is_drawn(self, capsys: Capture) -> None:
        """Below its day."""
        code, out, _ = call(capsys, "mark", "deployment", "v1.4.2", "--at", "35h")
        report = call(capsys, "report")[1]

        assert (0, True) == (code, out.startswith("deployment v1.4.2 at "))
        assert " deployment v1.4.2\n" in report
        assert out.rstrip().endswith(" UTC, of all services")

    def test_a_mark_of_a_service_is_drawn_for_it_alone(self, capsys: Capture) -> None:
        """Others do not see it."""
        keep(account(1, service="web"))
        call(capsys, "mark", "incident", "broker away", "--service", "shop", "--at", "3h")

        assert "incident broker away" in call(capsys, "report", "shop")[1]
        assert "incident broker away" not in call(capsys, "report", "web")[1]

    @pytest.mark.parametrize(
        "argv", [["party", "x"], ["incident", " "], ["incident", "x" * 201], ["incident", "x", "--at", "?"]]
    )
    def test_a_mistake_is_told(self, capsys: Capture, argv: list[str]) -> None:
        """Nothing is noted."""
        code, out, err = call(capsys, "mark", *argv)

        assert (2, "") == (code, out)
        assert "see `processender mark --help`" in err

    def test_a_state_that_cannot_be_written_is_told(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """With what to do."""
        monkeypatch.setenv("PROCESSENDER_STATE", "/proc/none")
        code, _, err = call(capsys, "mark", "incident", "x")

        assert 2 == code
        assert "set PROCESSENDER_STATE to a place that can be written to" in err
