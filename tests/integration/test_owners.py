"""Whose a journal is when the lock alone does not tell: a lock that was lost, given up, or of another namespace."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from processender.identity import identify
from processender.recovering import Recovered
from processender.testing.processes import Program
from tests.integration.test_journal_bad_days import LIMIT_S, OWES, RECOVERS, Service

FIRST = 0xEFFFFFFC
"""The inode of the first pid namespace of a host."""
IN_ANOTHER = ("unshare", "--pid", "--fork", "--mount-proc")
TRACKS = """
from processender.identity import identify
owner = identify(int(sys.argv[2])) if sys.argv[2:] else identify()
journal = FileJournal(claim(os.path.join(sys.argv[1], 'journal'), owner), complain=print)
owe(journal, '1')
"""


def can_unshare() -> bool:
    """Tell whether a namespace of processes can be made here."""
    try:
        return subprocess.run([*IN_ANOTHER, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """Return a service that owes nothing yet."""
    return Service(tmp_path / "demo")


def whys(recovered: Recovered) -> list[str]:
    """Return why each journal was left alone."""
    return [each.why for each in recovered.left]


def test_an_owner_that_has_lost_its_lock_keeps_what_it_owes_for_as_long_as_it_lives(
    service: Service, tmp_path: Path
) -> None:
    """A process that copies the directory of its own state closes a descriptor of the lock, and so gives it up."""
    copies = "import shutil; owe(begin(), '1'); shutil.copytree(sys.argv[1], sys.argv[2]); say('ready'); signal.pause()"
    with Program(OWES + copies, str(service.place), str(tmp_path / "copy")) as running:
        running.wait_for("ready", LIMIT_S)
        recovered = [service.recover(), Service(tmp_path / "copy").recover()]
        released = list(service.things.released)
    shutil.rmtree(tmp_path / "copy")
    service.recover()

    assert [[f"its owner, process {running.pid}, lives"]] * 2 == [whys(each) for each in recovered]
    assert [] == released
    assert ["1"] == service.things.released


def test_what_a_living_process_gives_up_is_recovered_by_others(service: Service) -> None:
    """It has closed its journal, and nobody else would release what it still owes."""
    with Program(OWES + "journal = begin(); owe(journal, '1'); journal.close(); say('ready'); signal.pause()",
                 str(service.place)) as running:  # fmt: skip
        running.wait_for("ready", LIMIT_S)
        recovered = service.recover()

    assert [] == whys(recovered)
    assert ["1"] == service.things.released
    assert [] == service.journals()


def test_a_program_recovers_what_it_owed_before_it_executed_another(service: Service) -> None:
    """The number and the start of the process are the same, and the lock is gone with the former program."""
    executes = "owe(begin(), '1'); os.execv(sys.executable, [sys.executable, '-c', sys.argv[2], sys.argv[1]])"
    with Program(OWES + executes, str(service.place), RECOVERS) as running:
        assert running.wait(LIMIT_S) == 0, running.output

    assert "(Settled(" in running.output
    assert running.output.endswith(" []\n")


@pytest.mark.skipif(not can_unshare(), reason="needs the right to make a namespace of processes")
def test_an_owner_in_another_pid_namespace_is_not_taken_for_dead(service: Service) -> None:
    """Its number says nothing there; who is told where to look can release it."""
    with Program("import signal; signal.pause()") as owner:
        with Program(OWES + TRACKS, str(service.place), str(owner.pid)) as running:
            assert running.wait(LIMIT_S) == 0, running.output
        argv = [*IN_ANOTHER, sys.executable, "-c", RECOVERS, str(service.place)]
        there = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout
        here = service.recover()
    service.recover()

    assert f"process {owner.pid}, is of another pid namespace; run `processender recover` there', True" in there
    assert [f"its owner, process {owner.pid}, lives"] == whys(here)
    assert ["1"] == service.things.released


@pytest.mark.skipif(not can_unshare(), reason="needs the right to make a namespace of processes")
def test_what_was_owed_in_a_pid_namespace_that_is_gone_is_recovered_from_the_first(service: Service) -> None:
    """The first namespace sees the processes of all others; from elsewhere nobody can tell."""
    argv = [*IN_ANOTHER, sys.executable, "-c", OWES + TRACKS, str(service.place)]
    subprocess.run(argv, capture_output=True, timeout=LIMIT_S, check=True)
    recovered = service.recover()
    own = identify()
    assert own is not None
    first = own.space == FIRST

    assert (["1"] if first else []) == service.things.released
    assert (0 if first else 1) == len(whys(recovered))
