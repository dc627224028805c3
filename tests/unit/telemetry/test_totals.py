"""The totals of a service: one file, many processes."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from processender.core.crash import CrashReport
from processender.telemetry import totals as module
from processender.telemetry.crash import note_crash
from processender.telemetry.totals import TOTALS, change, take, take_crash, take_recovery, totals
from tests.unit.accounts.test_figures import account

WRITER = """
import sys
sys.path[:] = {path!r}
from processender.core.crash import CrashReport
from processender.telemetry import totals as module
from processender.telemetry.crash import note_crash
from processender.telemetry.totals import take
for number in range(20):
    take({place!r}, {{"service": "shop", "cause": "SIGTERM", "id": f"{who}-{{number}}", "ended": 1.0, "verdict": "clean"}})
"""


def ended(place: Path) -> float:
    """Return how many runs have ended."""
    return sum(totals(str(place)).values.get("processender_shutdowns_completed_total", {}).values())


def test_no_process_loses_what_another_has_counted(tmp_path: Path) -> None:
    """Four at once, twenty runs each, and the file is private."""
    code = [WRITER.format(path=sys.path, place=str(tmp_path), who=who) for who in range(4)]
    processes = [subprocess.Popen([sys.executable, "-c", each]) for each in code]

    assert [0] * 4 == [each.wait(60) for each in processes]
    assert 80 == ended(tmp_path)
    assert 0o600 == (tmp_path / TOTALS).stat().st_mode & 0o777


def test_a_broken_file_is_put_aside_and_that_is_said(tmp_path: Path) -> None:
    """What comes then is counted."""
    (tmp_path / TOTALS).write_bytes(b"\0\xffodd")

    with pytest.raises(OSError, match="counting begins anew"):
        take(str(tmp_path), account())
    assert (1, b"\0\xffodd") == (ended(tmp_path), (tmp_path / f"{TOTALS}.broken").read_bytes())


def test_a_process_that_holds_the_file_for_too_long_costs_one_count_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be stopped; nobody waits for it for ever."""
    monkeypatch.setattr(module, "WAIT_S", 0.05)
    take(str(tmp_path), account())
    lock = os.open(tmp_path / f"{TOTALS}.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with pytest.raises(OSError, match="another process is at it"):
            take(str(tmp_path), account(id="2"))
    finally:
        os.close(lock)
    assert 1 == ended(tmp_path)


def test_a_disk_that_takes_nothing_is_said_and_what_was_counted_stays(tmp_path: Path) -> None:
    """The text names the file."""
    take(str(tmp_path), account())
    (tmp_path / f"{TOTALS}.new").mkdir()

    with pytest.raises(OSError, match=f"{TOTALS}"):
        take(str(tmp_path), account(id="2"))
    assert 1 == ended(tmp_path)


def test_a_crash_counts_once_and_a_recovery_under_the_name_of_the_service(tmp_path: Path) -> None:
    """However often its account is written."""
    for _ in range(2):
        take_crash(str(tmp_path), "1-a", "my shop", "oom")
    take_recovery(str(tmp_path), 3, 1, (2.0, 400.0))
    found = totals(str(tmp_path))

    assert {("my shop", "oom"): 1.0} == found.values["processender_crashes_total"]
    assert {("my shop", "released"): 3.0, ("my shop", "dead"): 1.0} == found.values[
        "processender_obligations_settled_total"
    ]
    assert 402.0 == found.spreads["processender_recovery_lag_seconds"][("my shop",)].sum


def test_a_child_that_was_forked_meanwhile_keeps_no_lock(tmp_path: Path) -> None:
    """It has the descriptor for as long as it lives."""
    children = []

    def fork(tally: object) -> None:
        children.append(os.fork())
        if not children[-1]:
            signal.pause()

    change(str(tmp_path), fork)
    try:
        take(str(tmp_path), account())
    finally:
        os.kill(children[0], signal.SIGKILL)
        os.waitpid(children[0], 0)
    assert 1 == ended(tmp_path)


@pytest.mark.parametrize("wrong", [1e308, -1e300, float("inf")])
def test_an_account_that_makes_no_sense_spoils_nothing(tmp_path: Path, wrong: float) -> None:
    """What is written after it can be read."""
    odd = {"seconds": wrong, "window": {"length_s": wrong}, "started": wrong}
    for number in range(3):
        take(str(tmp_path), account(id=str(number), **odd))

    assert 3 == ended(tmp_path)


def test_a_draft_that_is_no_file_is_no_matter(tmp_path: Path) -> None:
    """A pipe without a reader, or a link."""
    for make in (os.mkfifo, lambda path: os.symlink("/dev/full", path)):
        make(tmp_path / f"{TOTALS}.new")
        take(str(tmp_path), account(id=str(make)))

    assert 2 == ended(tmp_path)


def test_the_books_of_a_crash_are_not_in_the_way_of_each_other(tmp_path: Path) -> None:
    """The archive cannot be written: the crash is counted, and what failed is handed out."""
    (tmp_path / "archive").write_text("no directory")
    failed = list(note_crash(str(tmp_path), CrashReport(id="c", service="shop", cause="oom", at=1.0, pid=1)))

    assert ["cannot add the run to the archive" in str(each) for each in failed] == [True]
    assert {("shop", "oom"): 1.0} == totals(str(tmp_path)).values["processender_crashes_total"]
