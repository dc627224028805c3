"""More dead journals than a process can hold open, and one among them that is not as it should be."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from processender.core.obligation import Entry, Kind, Obligation, State, intent
from processender.engine.clock import SystemClock
from processender.errors import JournalError
from processender.journal.file import FileJournal
from processender.journal.owner import adopt, claim
from processender.looking import journal_root
from processender.recovering import Recovered, recover
from processender.rounds import AT_ONCE

LIMIT_S = 60.0
RECOVERS = """
import json, os, resource, sys
from processender.engine.clock import SystemClock
from processender.recovering import recover
place, most = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
class Things:
    def check(self, obligation):
        return True
    def release(self, obligation, token, ctx):
        os.close(os.open('/dev/null', os.O_RDONLY))
open_before = len(os.listdir('/proc/self/fd'))
recovered = recover(place, lambda name: Things(), SystemClock(), 40.0)
left = [each.why for each in recovered.left]
print(json.dumps([len(recovered.settled), len(recovered.open), left, recovered.troubles,
                  len(os.listdir('/proc/self/fd')) - open_before]))
"""


class Things:
    """A releaser that tells in which order it was called."""

    def __init__(self) -> None:
        self.released: list[str] = []

    def check(self, obligation: Obligation) -> bool:
        """Tell that it is there."""
        return True

    def release(self, obligation: Obligation, token: int, ctx) -> None:
        """Note it."""
        self.released.append(obligation.id)


def thing(id_: str, created: float = 0.0, outlives: tuple[str, ...] = ()) -> Obligation:
    """Return something that is owed for one job."""
    return Obligation(id_, "thing", id_, "things", job="job", created=created, outlives=outlives)


def owe(place: Path, *entries: Entry, started: int | None = None) -> Path:
    """Let a dead owner leave a journal with these entries; return its directory, whose name *started* may order."""
    lock = claim(journal_root(str(place)))
    directory = Path(lock.directory)
    journal = FileJournal(lock, complain=print)
    for entry in entries:
        journal.append(entry)
    journal.close()
    if started is not None:
        directory = directory.rename(directory.with_name(f"1-{started:08d}-aaaaaa"))
    return directory


def recovered_by(place: Path, things: Things, **options) -> Recovered:
    """Recover what is left at *place*."""
    return recover(str(place), lambda _name: things, SystemClock(), 40.0, **options)


@pytest.mark.parametrize("most", [40, 64, 256])
def test_more_journals_than_descriptors_are_all_recovered(tmp_path: Path, most: int) -> None:
    """They are opened a few at a time, and each gives its descriptors back."""
    for number in range(60):
        owe(tmp_path, intent(thing(str(number))))
    argv = [sys.executable, "-c", RECOVERS, str(tmp_path), str(most)]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    assert 0 == ran.returncode, ran.stderr
    assert [60, 0, [], [], 0] == json.loads(ran.stdout)
    assert [] == os.listdir(journal_root(str(tmp_path)))


def test_what_must_outlive_something_in_a_later_batch_is_released_after_it(tmp_path: Path) -> None:
    """It waits for another round, and that for the next."""
    count = 2 * AT_ONCE + 2
    for number in range(count):
        outlives = (str(number + 1),) if number + 1 < count and number % AT_ONCE == 0 else ()
        outlives = (str(number + AT_ONCE),) if number == 0 else outlives
        owe(tmp_path, intent(thing(str(number), outlives=outlives)), started=number)
    things = Things()
    recovered = recovered_by(tmp_path, things)

    assert ([], []) == (list(recovered.open), list(recovered.left))
    assert things.released.index(str(AT_ONCE)) < things.released.index("0")
    assert things.released.index(str(AT_ONCE + 1)) < things.released.index(str(AT_ONCE))
    assert count == len(set(things.released)) == len(things.released)


def test_what_cannot_be_released_is_tried_by_one_round_only(tmp_path: Path) -> None:
    """The second round is for those that had to wait."""

    class Failing(Things):
        def release(self, obligation: Obligation, token: int, ctx) -> None:
            super().release(obligation, token, ctx)
            if obligation.id == "0":
                raise ValueError("no")

    owe(tmp_path, intent(thing("0")), intent(thing("waits", outlives=("last",))), started=0)
    for number in range(1, AT_ONCE + 1):
        owe(tmp_path, intent(thing("last" if number == AT_ONCE else str(number))), started=number)
    things = Failing()
    recovered = recovered_by(tmp_path, things)

    assert ["0"] == [each.obligation.id for each in recovered.open]
    assert 1 == things.released.count("0")
    assert "waits" == things.released[-1]


def test_a_job_in_many_journals_is_walked_from_the_newest_to_the_oldest(tmp_path: Path) -> None:
    """Whatever the names of the journals are."""
    count = AT_ONCE + 8
    for number in range(count):
        owe(tmp_path, intent(thing(str(number), created=1.0 + (number * 7) % count)), started=number)
    things = Things()
    recovered_by(tmp_path, things, job="job")

    assert sorted(range(count), key=lambda number: -((number * 7) % count)) == [int(each) for each in things.released]


def hostile() -> Sequence[object]:
    """Return records that contradict what every version has ever written."""
    return [
        pytest.param(Entry(Kind.CHECKPOINT, "a", {"obligation": {"id": "a"}, "state": []}), id="state"),
        pytest.param(Entry(Kind.INTENT, "a", {"created": 10**400}), id="created"),
        pytest.param(Entry(Kind.INTENT, "a", {"outlives": ["a"], "releaser": "things", "key": "a"}), id="circle"),
        pytest.param(Entry(Kind.CHECKPOINT, "a", {"again_at": 10**400}), id="again_at"),
    ]


@pytest.mark.parametrize("entry", hostile())
def test_a_poisoned_record_keeps_no_other_journal_from_being_recovered(tmp_path: Path, entry: Entry) -> None:
    """Nor anything else in the same one."""
    owe(tmp_path, entry, intent(thing("beside")), started=0)
    owe(tmp_path, intent(thing("good")), started=1)
    things = Things()
    recovered_by(tmp_path, things, dry_run=True)
    recovered_by(tmp_path, things)

    assert {"good", "beside"} <= set(things.released)


@pytest.mark.parametrize("name", ["seg-18446744073709551616.pej", "seg-18446744073709551615.pej"])
def test_a_segment_with_a_number_beyond_all_keeps_nothing_from_being_recovered(tmp_path: Path, name: str) -> None:
    """It does not count."""
    directory = owe(tmp_path, intent(thing("a")), started=0)
    (directory / name).write_bytes(bytes(8192))
    owe(tmp_path, intent(thing("good")), started=1)
    things = Things()
    recovered_by(tmp_path, things)

    assert {"a", "good"} == set(things.released)


class Raises(FileJournal):
    """A journal with a fault that nobody has thought of."""

    def live(self) -> list:
        """Raise for the poisoned one."""
        found = super().live()
        if any(each.obligation.id == "poison" for each in found):
            raise ZeroDivisionError("a fault")
        return found


def test_a_fault_in_reading_one_journal_is_told_and_the_others_are_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left alone as one that cannot be read, and the next process can have its lock."""
    bad = owe(tmp_path, intent(thing("poison")), started=0)
    owe(tmp_path, intent(thing("good")), started=1)
    monkeypatch.setattr("processender.rounds.FileJournal", Raises)
    things = Things()
    recovered = recovered_by(tmp_path, things)
    found = adopt(str(bad))
    assert found.lock is not None
    found.lock.release()

    assert ["good"] == things.released
    assert [(str(bad), False)] == [(each.directory, each.alive) for each in recovered.left]
    assert "a fault" in recovered.left[0].why


def test_when_no_descriptor_is_left_the_recovery_says_so_and_holds_no_lock(tmp_path: Path) -> None:
    """Nothing is dropped, and the next recovery releases it."""
    directory = owe(tmp_path, intent(thing("a")))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    things = Things()
    used = [os.open("/dev/null", os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (used[0] + 1, hard))
    try:
        try:
            said = [each.why for each in recovered_by(tmp_path, things).left]
        except JournalError as error:
            said = [str(error)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(used[0])
    recovered = recovered_by(tmp_path, things)

    assert ["Too many open files" in each for each in said] == [True]
    assert [State.RELEASED] == [each.state for each in recovered.settled]
    assert not directory.exists()
