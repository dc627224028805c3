"""The outbox: what waits for an exporter, on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from processender.telemetry import outbox as outboxes
from processender.telemetry.outbox import Outbox, is_over, post

FINAL: dict[str, Any] = {"id": "2", "verdict": "clean", "ended": 2.0}


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """Return one that is open."""
    found = Outbox(str(tmp_path), "otlp")
    found.open()
    return found


def test_the_final_account_takes_the_place_of_the_provisional_one(outbox: Outbox) -> None:
    """Whoever comes late with the provisional one changes nothing."""
    outbox.put({**FINAL, "ended": None})
    outbox.put(FINAL)
    outbox.put({**FINAL, "ended": None})

    (name,) = outbox.waiting()
    kept = outbox.read(name)
    assert kept is not None
    assert FINAL == kept.account


def test_an_account_with_a_file_is_linked(outbox: Outbox, tmp_path: Path) -> None:
    """It takes no room; what becomes of the file then is no matter."""
    report = tmp_path / "2.json"
    report.write_text(json.dumps(FINAL))
    outbox.put(FINAL, str(report))
    (name,) = outbox.waiting()

    assert report.stat().st_ino == Path(outbox.path, name).stat().st_ino
    report.unlink()
    kept = outbox.read(name)
    assert kept is not None
    assert FINAL == kept.account
    assert [name] == os.listdir(outbox.path)


def test_what_is_delivered_goes(outbox: Outbox) -> None:
    """Another account that has come into its place meanwhile stays."""
    outbox.put(FINAL)
    kept = outbox.read("2.json")
    assert kept is not None
    outboxes.link_or_write(os.path.join(outbox.path, "2.json"), "", {**FINAL, "verdict": "forced"})
    outbox.delivered(kept)
    now = outbox.read("2.json")

    assert now is not None
    assert "forced" == now.account["verdict"]
    outbox.delivered(now)
    assert not outbox.waiting()
    outbox.delivered(now)  # it is gone already


def test_it_is_bounded_and_says_so(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first."""
    monkeypatch.setattr(outboxes, "KEPT", 3)

    assert [0, 0, 0, 1, 1] == [outbox.put({**FINAL, "id": str(number)}) for number in range(5)]
    assert ["2.json", "3.json", "4.json"] == outbox.waiting()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "other"}', "[" * 100_000])
def test_what_is_damaged_is_said(outbox: Outbox, text: str) -> None:
    """It is no account; whoever reads it puts it aside, and can call it back."""
    Path(outbox.path, "2.json").write_text(text)
    with pytest.raises(ValueError):
        outbox.read("2.json")
    outbox.refused("2.json")

    assert not outbox.waiting()
    assert 1 == outbox.recall()
    assert ["2.json"] == outbox.waiting()


def test_one_process_delivers_at_a_time(outbox: Outbox, tmp_path: Path) -> None:
    """The lock goes with its process; what that had just sent is sent once more."""
    outbox.put(FINAL)
    source = (
        "import os, sys\nfrom processender.telemetry.outbox import Outbox\n"
        "box = Outbox(sys.argv[1], 'otlp')\nprint(box.begin(wait=False), flush=True)\n"
        "os.rename(box.path + '/2.json', box.path + '/2.sent')\nsys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", source, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert "True" == other.stdout.readline().strip()
        assert not outbox.begin(wait=False)
        other.kill()
        other.wait()

    assert outbox.begin(wait=False)
    assert ["2.json"] == outbox.waiting()
    outbox.end()


def test_a_crash_is_put_into_every_outbox(outbox: Outbox, tmp_path: Path) -> None:
    """Whoever writes its account need not know the exporters; once more changes it."""
    Outbox(str(tmp_path), "hook").open()
    file = tmp_path / "c.json"
    file.write_text('{"id": "c"}')
    post(str(tmp_path), {"id": "c"}, str(file))
    post(str(tmp_path), {"id": "c"}, str(file))

    assert ["hook", "otlp"] == outboxes.outboxes(str(tmp_path))
    assert ["c.json"] == os.listdir(outbox.path)


def account(**told: Any) -> dict[str, Any]:
    """Return a provisional account of a run of this process, which has just begun."""
    run = {"verdict": "forced", "ended": None, "started": 1000.0, "window": {"length_s": 30.0}, "host": "here"}
    return {**run, "environment": {"pid": os.getpid()}, **told}


@pytest.mark.parametrize(
    ("told", "wall", "over"),
    [
        ({}, 1000.0, False),
        ({}, 9000.0, True),  # a process with this number that began later is another one
        ({"ended": 1001.0}, 1000.0, True),
        ({"environment": {"pid": 2**22 + 1}}, 1000.0, True),
        ({"host": "there"}, 1080.0, False),
        ({"host": "there"}, 1100.0, True),
        ({"window": None}, 1000.0, True),
        ({"started": "now"}, 1000.0, True),
    ],
)
def test_a_run_that_may_be_on_is_left_alone(told: dict[str, Any], wall: float, *, over: bool) -> None:
    """On this host its process tells; of another one the end of its window."""
    assert over is is_over(account(**told), wall, "here")


def test_a_run_of_this_process_is_on_for_as_long_as_it_lives() -> None:
    """However long a drain holds: its process was there before."""
    assert not is_over(account(window={"length_s": 0.1}), 1000.0, "here")


def test_what_is_no_file_is_damaged_and_takes_no_descriptor(outbox: Outbox) -> None:
    """A link, a pipe, a directory."""
    os.symlink("/dev/zero", os.path.join(outbox.path, "a.json"))
    os.mkfifo(os.path.join(outbox.path, "b.json"))
    os.mkdir(os.path.join(outbox.path, "c.json"))
    before = len(os.listdir("/proc/self/fd"))
    for name in outbox.waiting():
        with pytest.raises(ValueError, match="it is"):
            outbox.read(name)

    assert before == len(os.listdir("/proc/self/fd"))


def test_the_drafts_of_the_killed_go_when_they_are_old(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else would remove them; a new one may still be worked on."""
    draft = os.path.join(outbox.path, "2.json.1.1.new")
    with open(draft, "w", encoding="ascii") as file:
        file.write("{")
    there = []
    for age in (outboxes.DRAFT_S, -1.0):
        monkeypatch.setattr(outboxes, "DRAFT_S", age)
        assert outbox.begin(wait=False)
        outbox.end()
        there.append(os.path.exists(draft))

    assert [True, False] == there


def test_a_lock_that_leads_to_nothing_is_given_back(outbox: Outbox) -> None:
    """Else nobody could deliver until this process ends."""
    os.mkdir(os.path.join(outbox.path, "x.sent"))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match=r"x\.sent"):
        outbox.begin(wait=False)

    assert before == len(os.listdir("/proc/self/fd"))
