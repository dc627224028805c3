"""Bad days of a journal: what somebody has done to its files, its place, its owner or the clock, and what is made of it."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from processender.core.obligation import Obligation, State
from processender.engine.clock import SystemClock
from processender.identity import identify
from processender.journal.directory import read_owner, write_owner
from processender.journal.owner import adopt
from processender.journal.segment import HEADER
from processender.looking import journal_root, look
from processender.recovering import Recovered, recover
from processender.testing.processes import Program

LIMIT_S = 30.0
OWES = """
import os, signal, socket, sys
from processender.core.obligation import Obligation, intent
from processender.errors import JournalError
from processender.journal.file import FileJournal
from processender.journal.owner import claim

def say(*words):
    os.write(1, (' '.join(map(str, words)) + '\\n').encode())
def owe(journal, *ids):
    for id_ in ids:
        journal.append(intent(Obligation(id_, 'thing', 'x' * 2000, 'things')))
        say('owed', id_)
def begin():
    return FileJournal(claim(os.path.join(sys.argv[1], 'journal')), complain=lambda text: say('complains', text))
"""
RECOVERS = """
import sys
from processender.engine.clock import SystemClock
from processender.errors import JournalError
from processender.recovering import recover
try:
    recovered = recover(sys.argv[1], lambda _name: None, SystemClock(), 20.0)
except JournalError as error:
    print('refused', error)
else:
    print(recovered.settled, [(each.why, each.alive) for each in recovered.left])
"""


class Things:
    """A releaser that counts."""

    def __init__(self) -> None:
        self.released: list[str] = []

    def check(self, obligation: Obligation) -> bool:
        """Tell that it is there."""
        return True

    def release(self, obligation: Obligation, token: int, ctx) -> None:
        """Count."""
        self.released.append(obligation.id)


class Service:
    """The place of a service, and what recoveries make of it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.things = Things()

    def dies(self, source: str = "owe(begin(), '1', '2')") -> Path:
        """Let a process owe things and die; return its journal."""
        with Program(OWES + source, str(self.place)) as running:
            assert running.wait(LIMIT_S) == 0, running.output
        return self.journals()[-1]

    def journals(self) -> list[Path]:
        """Return all journals."""
        return sorted(Path(journal_root(str(self.place))).glob("*"))

    def recover(self, clock: SystemClock | None = None, **options) -> Recovered:
        """Recover what is left."""
        return recover(str(self.place), lambda _name: self.things, clock or SystemClock(), 20.0, **options)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """Return a service that owes nothing yet."""
    return Service(tmp_path / "demo")


def without_rights(*argv: str) -> str:
    """Run a program to which rights apply, also when this is root, and return what it printed."""
    dropped = "-dac_override,-dac_read_search"
    prefix = ["setpriv", "--bounding-set", dropped, "--inh-caps", dropped] if os.geteuid() == 0 else []
    command = [*prefix, sys.executable, "-c", *argv]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """Mount something at *place*; skip where that is refused."""
    place.mkdir(exist_ok=True)
    tried = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_journal_of_a_newer_format_is_kept_as_it_is_and_named(service: Service) -> None:
    """An older version must not release by what it cannot read, and must not change it."""
    journal = service.dies()
    path = min(journal.glob("seg-*"))
    data = bytearray(path.read_bytes())
    data[4:6] = (2).to_bytes(2, "little")
    check = struct.calcsize("<4sHxx16sQQ")
    data[check : check + 4] = bytes(4)
    data[check : check + 4] = zlib.crc32(data[: check + 4]).to_bytes(4, "little")
    path.write_bytes(data)
    recovered = service.recover()

    assert ["it has format 2, this version knows 1" in each.why for each in recovered.left] == [True]
    assert data == path.read_bytes()
    assert [] == service.things.released


def test_a_segment_that_is_cut_to_any_length_is_read_as_far_as_it_goes(service: Service) -> None:
    """What is there is a beginning of what was written, and the journal goes on."""
    journal = service.dies("owe(begin(), *'12345678')")
    path = min(journal.glob("seg-*"))
    data = path.read_bytes()
    end = len(data.rstrip(b"\0"))
    found = []
    for length in [0, 1, 40, 2048, HEADER - 1, *range(HEADER, end, 61), end]:
        path.write_bytes(data[:length])
        found.append("".join(each.obligation.id for each in look(str(journal)).standings))
    path.write_bytes(data[: end - 10])
    service.recover()

    assert all("12345678".startswith(ids) for ids in found)
    assert found == sorted(found, key=len)
    assert "12345678" == found[-1]
    assert 7 == len(service.things.released)
    assert [] == service.journals()


def test_a_journal_without_rights_is_named_and_left(service: Service) -> None:
    """The others are recovered; this one waits for who may read it."""
    journal = service.dies()
    journal.chmod(0)
    told = without_rights(RECOVERS, str(service.place))
    journal.chmod(0o700)

    assert "() [('it cannot be used: Permission denied', False)]" == told.strip()
    assert 2 == len(service.recover().settled)


@pytest.mark.parametrize("verb", [["journal", "ls"], ["journal", "retry"], ["recover"]])
def test_journals_that_may_not_be_listed_are_told_in_a_sentence(service: Service, verb: list[str]) -> None:
    """Whoever has no rights there is told whose they are."""
    service.dies()
    root = Path(journal_root(str(service.place)))
    root.chmod(0)
    calls = (
        "import subprocess, sys; ran = subprocess.run([sys.executable, '-m', 'processender', *sys.argv[2:]],"
        " env={'PROCESSENDER_STATE': sys.argv[1]}, capture_output=True, text=True); print(ran.stdout + ran.stderr)"
    )
    said = without_rights(calls, str(service.place.parent), *verb)
    root.chmod(0o700)

    assert "Permission denied; run as its owner" in said
    assert "Traceback" not in said


def test_a_place_without_rights_refuses_before_the_effect(service: Service) -> None:
    """Neither is something owed there, nor is it said that nothing is owed."""
    service.dies()
    root = Path(journal_root(str(service.place)))
    root.chmod(0o500)
    begun = without_rights(OWES + "try: begin()\nexcept JournalError as error: say(error)", str(service.place))
    root.chmod(0)
    recovered = without_rights(RECOVERS, str(service.place))
    root.chmod(0o700)

    assert "Permission denied; set PROCESSENDER_STATE" in begun
    assert "refused cannot look into" in recovered


def test_on_a_read_only_file_system_nothing_is_begun_and_nothing_is_dropped(service: Service) -> None:
    """What is owed there can be read; it is released once it can be written down."""
    journal = service.dies()
    begin = OWES + "try: begin()\nexcept JournalError as error: say(error)"
    with mounted(service.place, "--bind", "-o", "ro", str(service.place)):
        with Program(begin, str(service.place)) as running:
            running.wait(LIMIT_S)
        recovered, seen = service.recover(), look(str(journal))

    assert "Read-only file system; set PROCESSENDER_STATE" in running.output
    assert [("it cannot be used: Read-only file system", False)] == [(e.why, e.alive) for e in recovered.left]
    assert 2 == len(seen.standings)
    assert ["1", "2"] == sorted(each.obligation.id for each in service.recover().settled)


def test_a_place_on_an_overlay_says_what_would_be_lost(tmp_path: Path) -> None:
    """The upper layer goes with the container."""
    for name in ("lower", "upper", "work"):
        (tmp_path / name).mkdir()
    layers = ",".join(f"{name}dir={tmp_path / name}" for name in ("lower", "upper", "work"))
    source = """
import sys
from processender.telemetry.state import state_place
print(state_place('x', {'PROCESSENDER_STATE': sys.argv[1] + '/state'}).warning)
"""
    with mounted(tmp_path / "merged", "-t", "overlay", "overlay", "-o", layers):
        told = subprocess.run([sys.executable, "-c", source, str(tmp_path / "merged")], capture_output=True, text=True)  # noqa: PLW1510 - what it says counts

    assert "is on overlay: the reports are lost" in told.stdout


@pytest.mark.parametrize("name", ["LOCK", "owner.json"])
def test_a_link_in_the_place_of_a_file_of_a_journal_is_not_followed(
    name: str, service: Service, tmp_path: Path
) -> None:
    """Whoever can make a link must not choose what is locked or believed."""
    journal = service.dies()
    (journal / name).rename(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    (journal / name).symlink_to(tmp_path / name)
    recovered = service.recover()

    assert ["it cannot be used: Too many levels of symbolic links"] == [each.why for each in recovered.left]
    assert [] == service.things.released
    assert before == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b"\xff", b"[" * 4000, b'{"pid": "x"}', b'{"pid": 1e400}'])
def test_a_journal_that_does_not_say_whose_it_is_is_recovered_when_nobody_holds_it(
    said: bytes, service: Service
) -> None:
    """The lock tells who lives, not what stands beside it."""
    journal = service.dies()
    (journal / "owner.json").write_bytes(said)
    recovered = service.recover()

    assert [State.RELEASED] * 2 == [each.state for each in recovered.settled]
    assert [] == service.journals()


TRACKED = """
from processender.identity import identify
journal = FileJournal(claim(os.path.join(sys.argv[1], 'journal'), identify(int(sys.argv[2]))), complain=say)
owe(journal, '1')
"""
"""Owes something for another process, which need not hold a lock."""


def test_no_changed_byte_of_what_stands_beside_it_makes_a_living_owner_a_dead_one(service: Service) -> None:
    """The file has a checksum; without a sound one the name of the directory tells."""
    with Program(OWES + TRACKED, str(service.place), str(os.getpid())) as running:
        assert running.wait(LIMIT_S) == 0
    (journal,) = service.journals()
    said = (journal / "owner.json").read_bytes()
    found = []
    for at in range(len(said)):
        for bit in (1, 4):
            changed = said[:at] + bytes([said[at] ^ bit]) + said[at + 1 :]
            (journal / "owner.json").write_bytes(changed)
            found.append(adopt(str(journal)).alive)

    assert {True} == set(found)


@pytest.mark.parametrize("said", [None, b"", b"[]", b'{"held_by": "identitx"}'])
def test_what_is_owed_for_a_living_process_stays_whatever_stands_beside_it(
    said: bytes | None, service: Service
) -> None:
    """The name of the directory tells the process, too."""
    with Program(OWES + TRACKED, str(service.place), str(os.getpid())) as running:
        assert running.wait(LIMIT_S) == 0
    (journal,) = service.journals()
    if said is not None:
        (journal / "owner.json").write_bytes(said)
    recovered = service.recover()

    assert [(f"its owner, process {os.getpid()}, lives", True)] == [(e.why, e.alive) for e in recovered.left]
    assert [] == service.things.released


def test_what_was_owed_for_a_process_whose_number_was_given_again_is_released(service: Service) -> None:
    """The number is that of this very process; its start is not."""
    with Program(OWES + TRACKED, str(service.place), str(os.getpid())) as running:
        assert running.wait(LIMIT_S) == 0
    (journal,) = service.journals()
    owner = read_owner(str(journal))
    pid, started, rest = journal.name.split("-")
    before = journal.rename(journal.with_name(f"{pid}-{int(started) - 1}-{rest}"))
    (before / "owner.json").unlink()
    write_owner(str(before), {**owner, "started": owner["started"] - 1})

    assert [State.RELEASED] == [each.state for each in service.recover().settled]
    assert os.getpid() == identify().pid


PASSES = """
import array
journal = begin()
owe(journal, '1')
there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[2])
lock = os.open(os.path.join(journal.directory, 'LOCK') , os.O_PATH)
held = [fd for fd in map(int, os.listdir('/proc/self/fd')) if fd != lock and os.path.exists(f'/proc/self/fd/{fd}')
        and os.path.samestat(os.stat(fd), os.fstat(lock))]
socket.send_fds(there, [b'x'], held)
there.recv(1)
say('closed')
signal.pause()
"""


@pytest.mark.parametrize("lives", [True, False], ids=["alive", "killed"])
def test_a_lock_descriptor_that_was_passed_on_neither_keeps_nor_loses_the_lock(
    lives: bool, service: Service, tmp_path: Path
) -> None:
    """The lock is the owner's for as long as it lives, whoever else has the descriptor or closes it."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        with Program(OWES + PASSES, str(service.place), str(tmp_path / "s")) as running:
            connection, _ = listening.accept()
            _, passed, _, _ = socket.recv_fds(connection, 1, 4)
            if lives:
                for descriptor in passed:
                    os.close(descriptor)
                connection.send(b"x")
                running.wait_for("closed", LIMIT_S)
            else:
                running.signal("KILL")
                running.wait(LIMIT_S)
            recovered = service.recover()
            connection.close()
    if not lives:
        for descriptor in passed:
            os.close(descriptor)

    assert 1 == len(passed)
    assert ([] if lives else ["1"]) == service.things.released
    assert ([True] if lives else []) == [each.alive for each in recovered.left]


class Jumping(SystemClock):
    """The wall is set back by years whenever it is looked at."""

    def __init__(self) -> None:
        self.years = 60.0

    def wall(self) -> float:
        """Return an earlier time than before."""
        self.years -= 5
        return self.years * 31_557_600


def test_a_wall_clock_that_jumps_changes_nothing(service: Service) -> None:
    """The order is that of the records, and pauses are those of the monotonic clock."""
    service.dies("""
journal = begin()
for id_, created in (('1', 9e9), ('2', -1.0), ('3', 5.0)):
    journal.append(intent(Obligation(id_, 'thing', 'x', 'things', created=created, job='j')))
""")
    recovered = service.recover(Jumping(), job="j", patient=True)

    assert [State.RELEASED] * 3 == [each.state for each in recovered.settled]
    assert ["3", "2", "1"] == service.things.released


FILLS = """
import itertools
acknowledged = []
try:
    journal = begin()
    for number in itertools.count():
        owe(journal, str(number))
except JournalError as error:
    say('refused', error)
"""


def test_a_file_system_that_is_full_at_any_size_refuses_before_the_effect(tmp_path: Path) -> None:
    """Whatever was acknowledged on it is there, can be released, and leaves nothing."""
    place, owed = tmp_path / "small", []
    for kibibytes in (4, 8, 12, 64, 1024, 1040, 1100, 2048, 2080, 2100, 3100, 4200):
        with mounted(place, "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs"):
            service = Service(place / "demo")
            with Program(OWES + FILLS, str(service.place)) as running:
                running.wait(LIMIT_S)
            acknowledged = [line.split()[1] for line in running.output.splitlines() if line.startswith("owed")]
            recovered = service.recover()
            left = service.journals()

        assert "refused cannot" in running.output, (kibibytes, running.output)
        assert acknowledged == [each.obligation.id for each in recovered.settled], kibibytes
        assert sorted(acknowledged) == sorted(service.things.released), kibibytes
        assert [] == left, kibibytes
        owed.append(len(acknowledged))
    shutil.rmtree(place)

    assert owed[0] == 0
    assert owed[-1] > 100


WAITS_FOR_ROOM = """
import os, sys
from processender import Ender
from processender.errors import JournalError
place = sys.argv[1]
ender = Ender('demo', state=place)
ender.releaser('thing')(lambda obligation: None)
for kind in ('state', 'thing'):
    filler = os.open(os.path.join(place, 'filler'), os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(filler, bytes(4096)) == 4096: pass
    except OSError: pass
    os.ftruncate(filler, max(0, os.fstat(filler).st_size - 8192))
    def keep():
        if kind == 'state': ender.save('a', 1)
        else: ender.obligation('thing', key='a').acquire()
    for _ in range(2):
        try: keep()
        except JournalError as error: print('refused', error, flush=True)
    before = len(os.listdir('/proc/self/fd'))
    try: keep()
    except JournalError: print('leaked', len(os.listdir('/proc/self/fd')) - before, flush=True)
    os.close(filler)
    os.unlink(os.path.join(place, 'filler'))
    keep()
    print('kept', kind, len(os.listdir(os.path.join(place, 'demo', 'journal'))) if kind == 'thing' else 1, flush=True)
"""
"""Keeps a state and owes a thing, each on a disk that is full, and again when there is room."""


def test_a_disk_that_was_full_at_first_is_used_once_there_is_room(tmp_path: Path) -> None:
    """A journal, or a store, that could not be begun is begun by the next call."""
    place = tmp_path / "small"
    with mounted(place, "-t", "tmpfs", "-o", "size=8m", "tmpfs"), Program(WAITS_FOR_ROOM, str(place)) as running:
        code = running.wait(LIMIT_S)
    said = running.output.splitlines()

    assert 0 == code, running.output
    assert 4 == len([line for line in said if line.startswith("refused cannot") and "make room" in line]), said
    assert ["leaked 0", "kept state 1", "leaked 0", "kept thing 1"] == [
        line for line in said if not line.startswith("refused")
    ]
