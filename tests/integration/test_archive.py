"""The archive of real runs, and its index between real processes and on a real full disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.archive.answers import Question
from processender.archive.find import open_archive
from processender.archive.index import NAME
from tests.integration.agents import SLEEPER, agent, python, stops_with, wait_until
from tests.integration.library_programs import LIMIT_S, finish, program
from tests.unit.archive.accounts import NOON, account, asked, kept, line, raw

WAITING = """
with Ender('orders', grace=10, version='1.2') as ender:
    ender.add(lambda: say('flushed'), name='flush')
    say('ready')
    ender.stopping.wait()
"""
STUCK = """
with Ender('orders', grace=20) as ender:
    ender.add(lambda: (say('flushing'), time.sleep(3600)), name='flush')
    say('ready')
    ender.stopping.wait()
"""


def test_an_end_is_in_the_archive() -> None:
    """With its version and its handlers, under the id of its report."""
    with program(WAITING) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        end = finish(running)
        with open_archive(str(running.state)) as archive:
            overview = archive.overview()
            last = archive.account()

    assert last == end.report
    assert [(end.report["id"], "orders", "1.2", "clean", "SIGTERM")] == [
        (entry.id, entry.service, entry.version, entry.verdict, entry.cause) for entry in overview.recent
    ]
    assert {"flush": {"done": 1}, "body": {"done": 1}} == {each.name: each.outcomes for each in overview.handlers}
    assert () == overview.troubles


def test_an_end_that_was_killed_is_in_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its begin is, and that nothing was heard of it again; here seen as late as it takes."""
    monkeypatch.setattr("processender.archive.writer.LATE_S", -1000.0)
    with program(STUCK) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        running.wait_for("flushing", LIMIT_S)
        segment = running.state / "orders" / "archive" / "000001.jsonl"
        # Observers are told on a thread of their own.
        wait_until(lambda: segment.exists() and segment.stat().st_size)
        running.signal("KILL")
        finish(running)
        found = asked(running.state)

    assert (1, 1) == (found.counts.runs, found.counts.killed)


def test_an_agent_has_one_line_for_itself_and_the_ender_that_has_joined(tmp_path: Path) -> None:
    """Its handlers stand behind those of the agent."""
    source = (
        "from processender import Ender\nimport os\n"
        "with Ender('web', grace=5) as ender:\n    ender.add(lambda: None, name='flush', phase='flush')\n"
        "    os.write(1, b'ready\\n')\n    ender.stopping.wait()\n"
    )
    where = {"OTEL_RESOURCE_ATTRIBUTES": "service.version=7.1,cloud.availability_zone=eu%2Db"}
    with agent(
        ["--service", "shop"], [sys.executable, "-c", source], PROCESSENDER_STATE=str(tmp_path), **where
    ) as agent_:
        stops_with(agent_)
    found = asked(tmp_path)

    assert [("shop", "7.1", "eu-b", "clean")] == [
        (entry.service, entry.version, entry.zone, entry.verdict) for entry in found.recent
    ]
    assert {"command", "command/web/flush"} <= {each.name for each in found.handlers}


def test_a_crash_stays_in_the_archive_when_its_account_is_gone(tmp_path: Path) -> None:
    """Accounts of crashes are few, and lines are many."""
    with agent(["--service", "shop"], python("import os; os.abort()"), PROCESSENDER_STATE=str(tmp_path)) as program_:
        program_.wait()
    shutil.rmtree(tmp_path / "shop" / "crashes")
    shutil.rmtree(tmp_path / "shop" / "reports")
    found = asked(tmp_path)

    assert (1, 1) == (found.counts.crashed, sum(group.name == "signal" for group in found.causes))


def test_who_comes_second_waits_for_the_first(tmp_path: Path) -> None:
    """For a moment: the first has it for no longer than an answer takes."""
    kept(tmp_path, account())
    first = open_archive(str(tmp_path))
    timer = threading.Timer(0.2, first.close)
    timer.start()
    with open_archive(str(tmp_path), patience=60.0) as second:
        runs = second.overview().counts.runs
    timer.join()

    assert runs == 1


WRITES = """
import sys
from processender.archive import lines
lines.SEGMENT_BYTES = 20_000
for number in range(300):
    lines.append(sys.argv[1], {"end": f"{sys.argv[2]}-{number}", "v": 1, "at": 1e9, "verdict": "clean", "handlers": []})
"""


def test_many_processes_write_at_once_and_no_line_is_lost(tmp_path: Path) -> None:
    """Nobody waits for a lock, and the segments go on under them."""
    (tmp_path / "shop").mkdir()
    argv = [sys.executable, "-c", WRITES, str(tmp_path / "shop")]
    writers = [subprocess.Popen([*argv, str(number)]) for number in range(4)]
    while any(writer.poll() is None for writer in writers):
        asked(tmp_path)
    found = asked(tmp_path)

    assert [0] * 4 == [writer.returncode for writer in writers]
    assert (1200, ()) == (found.counts.clean, found.troubles)
    assert len(list((tmp_path / "shop" / "archive").iterdir())) > 3


BUILDS = """
import os, signal, sys
from processender.archive.find import open_archive
open_archive(sys.argv[1], progress=lambda done, whole: done > whole / 2 and os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_reader_that_was_killed_leaves_an_index_that_can_be_used(tmp_path: Path) -> None:
    """Half of it is there, and the other half is read by the next."""
    for service in ("a", "b", "c"):
        raw(tmp_path, *(line(f"{service}{n}", service=service) for n in range(2000)), service=service)
    killed = subprocess.run([sys.executable, "-c", BUILDS, str(tmp_path)], check=False, timeout=60)
    found = asked(tmp_path)

    assert killed.returncode == -9
    assert (tmp_path / NAME).exists()
    assert (6000, ()) == (found.counts.runs, found.troubles)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a state directory with an archive, on a disk that is full."""
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "pe", tmp_path], check=False).returncode
    ):
        pytest.skip("needs the right to mount a disk")
    kept(tmp_path, account("1"))
    with contextlib.suppress(OSError), (tmp_path / "fill").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_an_archive_on_a_full_disk_can_be_read(full_disk: Path) -> None:
    """Whether its index is there, cannot grow, or cannot be made."""
    first = asked(full_disk)
    (full_disk / "fill").unlink()
    second = asked(full_disk)
    with contextlib.suppress(OSError), (full_disk / "fill").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    third = asked(full_disk)

    assert [1, 1, 1] == [found.counts.runs for found in (first, second, third)]
    assert "it is made in memory" in first.troubles[0]
    assert () == second.troubles


def test_a_full_disk_costs_the_line_and_not_the_end(full_disk: Path) -> None:
    """It is a trouble, and the end is clean."""
    with agent(["--service", "shop"], SLEEPER, PROCESSENDER_STATE=str(full_disk)) as program_:
        code = stops_with(program_)

    assert 143 == code
    assert "cannot be written" in program_.output


def test_the_state_of_many_nodes_is_one_archive(tmp_path: Path) -> None:
    """Copied into one directory, each under the name of its node; none of their clocks agree."""
    for number, skew in enumerate((0.0, -40.0, 40.0)):
        run = account(f"r{number}", at=NOON + skew, node=f"n{number}", seconds=2.0)
        kept(tmp_path / f"n{number}", {**run, "ended": None}, run)
    with open_archive(str(tmp_path)) as archive:
        found = archive.overview()
        order = [entry.node for entry in archive.recent(Question(service="shop"))]

    assert (3, 0) == (found.counts.clean, found.counts.killed)
    assert ["n2", "n0", "n1"] == order
