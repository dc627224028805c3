"""A scripted run that is killed before each of its calls to the kernel, and recovered."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from bench import sweep
from bench.sweep import CALLS, Call, CarelessSweep, Sweep, filled_once

ALL = "%file,%desc"
FEWEST = {"pwrite64": 2, "write": 8, "fdatasync": 5, "fsync": 5, "openat": 6, "mkdir": 1, "rmdir": 1, "unlink": 5}
FEWEST |= {"rename": 1}
"""How many calls of each name the run makes at least; a sweep over none would hold of itself."""


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """Return what a run asks of the kernel to change the disk, whatever the name of the call."""
    assert shutil.which("strace"), "strace is needed: `make test` installs it"
    return sweep.calls_of_a_run(tmp_path_factory.mktemp("every"), ALL)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """Return the calls that are swept."""
    assert shutil.which("strace"), "strace is needed: `make test` installs it"
    return sweep.calls_of_a_run(tmp_path_factory.mktemp("calls"))


def named(calls: list[Call], name: str) -> list[Call]:
    """Return those of one name."""
    return [each for each in calls if each.name == name]


@pytest.mark.parametrize("name", CALLS.split(","))
def test_killed_before_any_call_nothing_is_lost_or_doubled(name: str, calls: list[Call], tmp_path: Path) -> None:
    """SIGKILL before the first, the second, ... each instant, then recover, twice."""
    assert {} == sweep.killed_before(tmp_path, named(calls, name))


def test_a_run_that_makes_before_it_writes_down_is_caught(tmp_path: Path) -> None:
    """The test can fail: a kill between the two leaves the thing behind."""
    calls = sweep.calls_of_a_run(tmp_path / "calls", make=CarelessSweep)
    wrong = sweep.killed_before(tmp_path / "killed", named(filled_once(calls), "pwrite64"), CarelessSweep)

    assert any("was left behind" in each for found in wrong.values() for each in found)


def test_every_instant_is_covered(every: list[Call], calls: list[Call]) -> None:
    """The sweep is as wide as the run: each call that changes a disk, whatever its name, is among those that are swept."""
    swept = Counter(each.name for each in calls)
    print(dict(swept))  # shown with -rP, and in the figures

    assert Counter(each.name for each in every) == swept
    assert {} == {name: swept[name] for name, fewest in FEWEST.items() if swept[name] < fewest}


def test_every_call_of_a_recovery_is_covered(tmp_path: Path) -> None:
    """So is what a recovery and the account of the crash ask for."""
    names = {each.name for each in sweep.calls_of_a_recovery(tmp_path, ALL)}

    assert set() == names - set(CALLS.split(","))
    assert {"rename", "write", "openat"} <= names  # the account of the crash


@pytest.mark.parametrize("name", CALLS.split(","))
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_an_error_of_any_call_is_told_before_the_effect_or_helped(
    name: str, error: str, calls: list[Call], tmp_path: Path
) -> None:
    """A failing disk at each instant: either the run goes on and loses nothing, or it was refused."""
    assert {} == sweep.failing_at(tmp_path, named(calls, name), f"error={error}")


def test_a_short_write_at_any_call_loses_nothing(calls: list[Call], tmp_path: Path) -> None:
    """The kernel claims three bytes and writes none."""
    assert {} == sweep.failing_at(tmp_path, named(calls, "pwrite64"), "retval=3")


@pytest.mark.parametrize("begins", [1, 17, 18, 34, 36])
def test_a_disk_that_takes_nothing_is_refused(begins: int, tmp_path: Path) -> None:
    """From one write on the kernel claims success and takes no byte: nobody waits for ever, and nothing is lost."""
    run = Sweep(tmp_path / "demo")
    code = run.run("-e", f"inject=pwrite64:retval=0:when={begins}+")

    assert code == 1
    assert [] == run.violations()


def test_flushes_that_lie_lose_nothing_when_the_process_is_killed(calls: list[Call], tmp_path: Path) -> None:
    """From any flush on all claim success and do nothing; SIGKILL before the next writes: the kernel has it all."""
    runs, wrong = sweep.lied_to(tmp_path, calls, most=4)

    assert {} == wrong
    assert runs >= 40


def test_an_error_of_any_call_of_a_recovery_is_helped_by_the_next(tmp_path: Path) -> None:
    """EIO from the first, the second, ... call on all fail: the next recovery finds nothing damaged and leaves nothing."""
    calls = filled_once(sweep.calls_of_a_recovery(tmp_path / "all"))

    assert {} == sweep.recovery_failing_from(tmp_path, calls)


def test_a_recovery_that_is_killed_before_any_call_is_taken_up_by_the_next(tmp_path: Path) -> None:
    """SIGKILL before the first, the second, ... call of each recovery, over and over; nothing is reported damaged."""
    calls = filled_once(sweep.calls_of_a_recovery(tmp_path / "all"))
    killed, wrong = sweep.recovery_killed_before(tmp_path, calls)

    assert {} == wrong
    assert killed >= 15
