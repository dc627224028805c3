"""The journal on disk, with the real disk and without any crash but the ones that are written here."""

from __future__ import annotations

import errno
import os
import signal
import threading
from pathlib import Path

import pytest

from processender.core.obligation import Entry, Kind, Ledger, Obligation, intent
from processender.errors import JournalError
from processender.journal.directory import private
from processender.journal.disk import SystemDisk
from processender.journal.file import FileJournal
from processender.journal.log import Log
from processender.journal.memory import MemoryJournal
from processender.journal.owner import claim
from processender.journal.record import LARGEST, NewerVersion, encode, seal, unseal
from processender.journal.replay import replay
from processender.journal.segment import HEADER, SIZE, Header, name_of, number_of, read_header
from processender.journal.store import FileStore
from processender.testing.journal import check_journal

THING = Obligation("1", "file", "/x", "file", {"root": "/"}, created=1.0)


def entries(count: int) -> list[Entry]:
    """Return as many intents."""
    return [intent(THING.replace(id=f"{number:08d}")) for number in range(count)]


class Kept:
    """A log in a directory, whose complaints are kept."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.said: list[str] = []
        self.ledger = Ledger()

    def open(self, disk: SystemDisk | None = None) -> Log:
        """Open the log anew."""
        self.ledger = Ledger()
        return Log(str(self.directory), self.ledger, disk or SystemDisk(), self.said.append)

    def ids(self) -> list[str]:
        """Return the ids of all that is read back."""
        self.open().close()
        return [each.obligation.id for each in self.ledger.live()]

    def segment(self) -> Path:
        """Return the segment that counts."""
        begun = [path for path in sorted(self.directory.glob("seg-*.pej")) if read_header(path.read_bytes())]
        return begun[-1]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Return a log in a directory of its own."""
    return Kept(tmp_path)


def write(kept: Kept, count: int = 10) -> None:
    """Write intents, and leave as a process that dies leaves."""
    log = kept.open()
    for entry in entries(count):
        log.append([entry], durable=True)


def test_the_journal_on_disk_keeps_its_promises(tmp_path: Path) -> None:
    """The conformance suite passes."""
    numbers = iter(range(100))

    assert check_journal(lambda: FileJournal(claim(str(tmp_path / f"{next(numbers)}")), complain=print))


def test_the_twin_in_memory_keeps_its_promises() -> None:
    """The conformance suite passes."""
    assert check_journal(MemoryJournal)


def test_what_was_written_is_read_back(kept: Kept) -> None:
    """A process that dies without closing loses nothing."""
    write(kept)

    assert [entry.id for entry in entries(10)] == kept.ids()


def test_a_torn_tail_is_cut(kept: Kept) -> None:
    """The last record was half written: it is left out, and that is no damage."""
    write(kept)
    path = kept.segment()
    data = path.read_bytes().rstrip(b"\0")
    path.write_bytes(data[:-20].ljust(SIZE, b"\0"))

    assert [entry.id for entry in entries(9)] == kept.ids()
    assert [] == kept.said


def last_record(data: bytes) -> tuple[int, int]:
    """Return where the last record begins, and where its last byte that is not zero ends."""
    header = read_header(data)
    assert header is not None
    begin = offset = HEADER
    while (record := unseal(data, offset, header.seed)) is not None:
        begin, offset = offset, record[1]
    return begin, len(data.rstrip(b"\0"))


def found_in(kept: Kept, data: bytes) -> tuple[int, list[str], list[str], list[str]]:
    """Return how many entries, and which files are damaged, troubles and notes, a segment of *data* has."""
    kept.segment().write_bytes(data.ljust(SIZE, b"\0"))
    taken: list[Entry] = []
    found = replay(SystemDisk(), str(kept.directory), taken.append)
    return len(taken), found.damaged, found.troubles, found.notes


def test_a_write_that_was_cut_short_anywhere_is_told_and_is_no_damage(kept: Kept) -> None:
    """Whatever length of the last record has reached the disk."""
    write(kept)
    data = kept.segment().read_bytes()
    begin, end = last_record(data)
    for cut in range(begin + 1, end):
        count, damaged, troubles, notes = found_in(kept, data[:cut])

        assert (9, [], []) == (count, damaged, troubles), cut
        assert ["ends with a torn record 10"] == [note.partition(" ")[2].partition(";")[0] for note in notes], cut


def test_a_record_that_has_lost_sectors_is_no_damage(kept: Kept) -> None:
    """A power cut writes them in any order: whichever is missing, nothing in the record was acknowledged."""
    with_large = [*entries(9), intent(THING.replace(id="last", key="x" * 3000))]
    log = kept.open()
    for entry in with_large:
        log.append([entry], durable=True)
    data = kept.segment().read_bytes()
    begin, end = last_record(data)
    sectors = range(begin // 512, end // 512 + 1)

    assert 6 < len(sectors)
    for missing in sectors:
        lost = bytearray(data)
        lost[max(begin, missing * 512) : (missing + 1) * 512] = bytes((missing + 1) * 512 - max(begin, missing * 512))
        count, damaged, troubles, notes = found_in(kept, bytes(lost))

        assert (9, [], [], 1) == (count, damaged, troubles, len(notes)), missing


def test_a_last_record_that_was_damaged_is_reported_and_a_copy_kept(kept: Kept) -> None:
    """It was whole once, so it may have been acknowledged; whichever byte of it is another now."""
    write(kept)
    data = kept.segment().read_bytes()
    begin, end = last_record(data)
    for offset in range(begin, end):
        wrong = bytearray(data)
        wrong[offset] ^= 0x40
        count, damaged, troubles, notes = found_in(kept, bytes(wrong))

        assert (9, 1, 1, []) == (count, len(damaged), len(troubles), notes), offset
        assert "has a damaged record 10 at its end" in troubles[0], offset

    assert 9 == len(kept.ids())
    assert 1 == len([*kept.directory.glob("*.damaged")])


def test_a_flipped_bit_costs_one_record_and_is_reported(kept: Kept) -> None:
    """A valid record after a bad one is damage: the rest is used, and a copy is kept aside."""
    write(kept)
    path = kept.segment()
    data = bytearray(path.read_bytes())
    data[HEADER + 30] ^= 1
    path.write_bytes(data)

    assert [entry.id for entry in entries(10)[1:]] == kept.ids()
    assert "has no valid record 1 before 2" in kept.said[0]
    assert [bytes(data)] == [each.read_bytes() for each in kept.directory.glob("*.damaged")]


def test_a_bit_flipped_anywhere_never_makes_something_up(kept: Kept) -> None:
    """Whatever byte is damaged, what is read back is a part of what was written."""
    write(kept, 4)
    path, wanted = kept.segment(), {entry.id for entry in entries(4)}
    data = path.read_bytes()
    end = len(data.rstrip(b"\0"))
    read = []
    for offset in [*range(64), *range(2048, 2112), *range(HEADER, end)]:
        damaged = bytearray(data)
        damaged[offset] ^= 0x40
        path.write_bytes(damaged)
        ledger = Ledger()
        replay(SystemDisk(), str(kept.directory), ledger.apply)
        read.append({each.obligation.id for each in ledger.live()})

    assert all(ids <= wanted and len(ids) >= 3 for ids in read)


def test_one_damaged_header_is_survived_by_its_copy(kept: Kept) -> None:
    """The header stands there twice."""
    write(kept)
    path = kept.segment()
    path.write_bytes(bytes(512) + path.read_bytes()[512:])

    assert 10 == len(kept.ids())


def test_a_segment_without_any_header_is_kept_aside(kept: Kept) -> None:
    """It cannot be read, and it is not thrown away."""
    write(kept)
    path = kept.segment()
    data = bytes(HEADER) + path.read_bytes()[HEADER:]
    path.write_bytes(data)

    assert [] == kept.ids()
    assert "has no valid header" in kept.said[0]
    assert [data] == [each.read_bytes() for each in kept.directory.glob("*.damaged")]


def test_a_damaged_segment_does_not_keep_the_journal_from_going_on(kept: Kept) -> None:
    """What is left out keeps its number, and new segments get higher ones."""
    write(kept)
    path = kept.segment()
    path.write_bytes(b"x" * HEADER + path.read_bytes()[HEADER:])
    log = kept.open()
    log.append([intent(THING)], durable=True)
    log.close()

    assert ["1"] == kept.ids()
    assert 1 == len(list(kept.directory.glob("*.damaged")))


def test_a_rotation_that_was_cut_short_is_no_damage(kept: Kept) -> None:
    """The next segment has its checkpoint and no header yet: the one before counts, and nothing is reported."""
    write(kept)
    path = kept.segment()
    data = path.read_bytes()
    following = path.with_name(name_of(read_header(data).number + 1))
    following.write_bytes(bytes(HEADER) + data[HEADER:])

    assert [entry.id for entry in entries(10)] == kept.ids()
    assert [] == kept.said
    assert [] == list(kept.directory.glob("*.damaged"))


def test_a_copy_of_a_segment_does_not_count(kept: Kept) -> None:
    """A file whose name is not its number is left out and reported."""
    write(kept)
    path = kept.segment()
    path.with_name(name_of(99)).write_bytes(path.read_bytes())

    assert 10 == len(kept.ids())
    assert "is a copy of" in kept.said[0]


def test_a_missing_segment_is_reported(kept: Kept) -> None:
    """What it held is not known, and that is said."""
    write(kept)
    kept.segment().unlink()

    assert [] == kept.ids()
    assert "is missing" in kept.said[0]


@pytest.mark.parametrize("at", [1, 2])
def test_a_removal_that_was_cut_short_is_no_damage(kept: Kept, at: int) -> None:
    """The segment that counts goes last, so nothing looks missing."""

    class Stubborn(SystemDisk):
        removed, at = 0, 0

        def names(self, path: str) -> list[str]:
            return sorted(super().names(path))

        def unlink(self, path: str) -> None:
            self.removed += 1
            if self.removed == self.at:
                raise OSError(5, "the power is gone")
            super().unlink(path)

    write(kept)
    disk = Stubborn()
    log = kept.open(disk)
    disk.removed, disk.at = 0, at
    log.close(remove=True)
    kept.said.clear()

    assert 10 == len(kept.ids())
    assert [] == kept.said


def test_a_link_in_the_place_of_a_segment_is_not_followed(kept: Kept, tmp_path: Path) -> None:
    """Whoever can make a link must not make us read or write elsewhere."""
    write(kept)
    path = kept.segment()
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)

    with pytest.raises(JournalError, match="cannot read the journal"):
        kept.open()


def test_a_newer_record_is_refused_and_left_as_it_is(kept: Kept) -> None:
    """An older version must not cut off what it does not understand."""
    write(kept)
    path = kept.segment()
    data = path.read_bytes()
    header = read_header(data)
    end = len(data.rstrip(b"\0")) + 7 & ~7
    newer = bytearray(seal(Kind.INTENT, encode(entries(1)[0]), 11, header.seed))
    newer[20:22] = (2).to_bytes(2, "little")
    import struct
    import zlib

    magic, length, number, _, schema, code = struct.unpack_from("<IIQIHH", newer)
    payload = bytes(newer[24 : 24 + length])
    check = zlib.crc32(payload, zlib.crc32(struct.pack("<IIQHH", magic, length, number, schema, code), header.seed))
    newer[16:20] = check.to_bytes(4, "little")
    changed = data[:end] + newer + data[end + len(newer) :]
    path.write_bytes(changed)

    with pytest.raises(NewerVersion, match="it has schema 2, this version knows 1"):
        kept.open()
    assert changed == path.read_bytes()


def test_a_record_of_another_journal_is_never_taken(kept: Kept) -> None:
    """The checksum begins with the journal's id."""
    mine, other = Header(b"a" * 16, 1, 1), Header(b"b" * 16, 1, 1)
    record = seal(Kind.INTENT, encode(entries(1)[0]), 1, mine.seed)

    assert unseal(record, 0, mine.seed) is not None
    assert unseal(record, 0, other.seed) is None


def test_a_rotation_loses_nothing_and_the_old_segment_goes(kept: Kept) -> None:
    """The live set goes on in the next segment; the size is bounded by it."""
    log = kept.open()
    for number in range(20_000):
        id_ = f"{number:08d}"
        log.append([intent(THING.replace(id=id_))], durable=False)
        if number % 100:
            log.append([Entry(Kind.RELEASED, id_)], durable=False)
    log.close()

    assert [f"{number:08d}" for number in range(0, 20_000, 100)] == kept.ids()
    assert 2 == len(list(kept.directory.glob("seg-*.pej")))
    assert 2 * SIZE == sum(path.stat().st_size for path in kept.directory.glob("seg-*.pej"))


def test_a_live_set_larger_than_a_segment_is_kept(kept: Kept) -> None:
    """A segment is as large as the live set asks for."""
    log = kept.open()
    log.append(entries(10_000), durable=True)
    log.append([intent(THING.replace(id="last"))], durable=True)
    log.close()

    assert 10_001 == len(kept.ids())


def test_an_entry_that_is_too_large_is_refused(kept: Kept) -> None:
    """The journal holds what a releaser needs, not what it releases."""
    with pytest.raises(JournalError, match="at most 65536 are kept"):
        kept.open().append([intent(THING.replace(args={"text": "x" * LARGEST}))], durable=True)


def test_threads_share_their_flushes(kept: Kept) -> None:
    """What comes while another thread flushes goes in one batch; all of it is there."""
    flushes = []

    class Counting(SystemDisk):
        def sync(self, descriptor: int) -> None:
            flushes.append(descriptor)
            super().sync(descriptor)

    log = kept.open(Counting())
    before = len(flushes)
    all_ = entries(400)
    threads = [
        threading.Thread(target=lambda part: [log.append([entry], durable=True) for entry in part], args=(all_[n::16],))
        for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flushed = len(flushes) - before
    log.close()

    assert {entry.id for entry in all_} == set(kept.ids())
    assert flushed < 400


@pytest.mark.parametrize(
    "name",
    ["seg-1.pej", "seg-0000000x.pej", "seg-00000001.pej.damaged", "LOCK", "seg-٣٣٣٣٣٣٣٣.pej", f"seg-{1 << 64}.pej"],
)
def test_what_is_not_named_as_a_segment_is_none(name: str) -> None:
    """Only the exact form of the name counts."""
    assert number_of(name) is None


class Failing(SystemDisk):
    """A disk whose calls fail from the *n*th on, or only then."""

    def __init__(self, call: str, at: int, code: int, *, lasting: bool = False) -> None:
        self.call, self.at, self.code, self.lasting = call, at, code, lasting
        self.count = 0

    def _maybe(self, call: str) -> None:
        if call == self.call:
            self.count += 1
            if self.count == self.at or (self.lasting and self.count > self.at):
                raise OSError(self.code, os.strerror(self.code))

    def create(self, path: str, size: int) -> int:
        """Make a file, or fail."""
        self._maybe("create")
        return super().create(path, size)

    def write(self, descriptor: int, data: bytes, offset: int) -> int:
        """Write, or fail."""
        self._maybe("write")
        return super().write(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        """Flush, or fail."""
        self._maybe("sync")
        super().sync(descriptor)


@pytest.mark.parametrize("call", ["create", "write", "sync"])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_what_was_acknowledged_survives_any_failure_of_the_disk(
    tmp_path: Path, call: str, lasting: bool, code: int
) -> None:
    """At every call that can fail: either the caller was told, or the record is there."""
    for at in range(1, 14):
        kept = Kept(tmp_path / f"{at}")
        kept.directory.mkdir()
        log = kept.open(Failing(call, at, code, lasting=lasting))
        acknowledged = []
        for entry in entries(6):
            try:
                log.append([entry], durable=True)
                acknowledged.append(entry.id)
            except JournalError:
                continue
        log.close()

        assert set(acknowledged) <= set(kept.ids()), at


def test_a_failed_flush_is_never_tried_again_in_place(kept: Kept) -> None:
    """The kernel forgets what it could not write and answers the next flush with success."""
    disk = Failing("sync", 10_000, 5)
    log = kept.open(disk)
    before = kept.segment()
    disk.at = disk.count + 1
    log.append(entries(1), durable=True)
    log.close()

    assert before != kept.segment()
    assert 1 == len(kept.ids())


def full(kept: Kept) -> tuple[Log, list[str]]:
    """Return a log on a disk that is full, after as many intents as it takes, and their ids."""
    log = kept.open(Failing("create", 3, 28, lasting=True))
    taken = []
    for entry in entries(20_000):
        try:
            log.append([entry], durable=False)
            taken.append(entry.id)
        except JournalError:
            break
    return log, taken


def test_on_a_full_disk_all_that_is_owed_can_still_be_released(kept: Kept) -> None:
    """An intent is refused before its effect, and each release goes through."""
    log, taken = full(kept)
    for id_ in taken:
        log.append([Entry(Kind.RELEASING, id_)], durable=False, grows=False)
        log.append([Entry(Kind.RELEASED, id_)], durable=False, grows=False)
    log.close()

    assert 1000 < len(taken) < 20_000
    assert [] == kept.ids()


def test_a_spare_segment_that_was_enlarged_is_taken_over_on_a_full_disk(kept: Kept) -> None:
    """It is not the next in number, and it may be the only room there is."""
    log = kept.open()
    for entry in entries(4_000):
        log.append([entry], durable=False)
    log.close()
    numbers = sorted(number_of(path.name) for path in kept.directory.glob("seg-*.pej"))
    again = kept.open(Failing("create", 1, 28, lasting=True))
    for standing in kept.ledger.live():
        again.append([Entry(Kind.RELEASED, standing.obligation.id)], durable=False, grows=False)
    again.close()

    assert numbers[1] > numbers[0] + 1
    assert [] == kept.ids()


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1,2]", b'["a"]', b'["a",5]', b"\xff\xfe", b"[" * 30_000])
def test_a_record_that_says_nothing_is_left_out_and_reported(kept: Kept, payload: bytes) -> None:
    """Its checksum is right and its content is not: the others are used."""
    write(kept, 2)
    path = kept.segment()
    data = path.read_bytes()
    seed = read_header(data).seed
    end = len(data.rstrip(b"\0")) + 7 & ~7
    odd = seal(Kind.INTENT, payload, 3, seed)
    good = seal(Kind.INTENT, encode(entries(5)[4]), 4, seed)
    path.write_bytes((data[:end] + odd + good).ljust(SIZE, b"\0"))

    assert ["00000000", "00000001", "00000004"] == kept.ids()
    assert "a record 3 that says nothing" in kept.said[0]


TOO_HIGH = (1 << 64) - 1


def test_numbers_behind_which_there_is_no_room_do_not_count(kept: Kept) -> None:
    """A file name, a header and a record that are numbered to the end keep nothing from being recovered."""
    write(kept, 2)
    path = kept.segment()
    data = path.read_bytes()
    end = len(data.rstrip(b"\0")) + 7 & ~7
    last = seal(Kind.INTENT, encode(entries(5)[4]), TOO_HIGH, read_header(data).seed)
    path.write_bytes((data[:end] + last).ljust(SIZE, b"\0"))
    (kept.directory / name_of(1 << 64)).write_bytes(b"x" * HEADER)
    (kept.directory / name_of(TOO_HIGH)).write_bytes(Header(b"a" * 16, TOO_HIGH, 1).pack())
    (kept.directory / name_of(77)).write_bytes(Header(b"a" * 16, 77, TOO_HIGH).pack())
    log = kept.open()
    log.append([entries(4)[3]], durable=True)
    log.close()

    assert ["00000000", "00000001", "00000003"] == kept.ids()
    assert "seg-00000077.pej has no valid header" in kept.said[0]


@pytest.mark.parametrize("end", [b"", b"x"], ids=["holes", "something behind them"])
def test_a_file_that_is_larger_than_any_disk_is_left_out(kept: Kept, end: bytes) -> None:
    """It is neither read through nor filled with zeros, and the others are used."""
    write(kept, 2)
    with open(kept.directory / name_of(77), "wb") as file:
        file.truncate(1 << 43)
        file.seek(-1, os.SEEK_END)
        file.write(end)
    log = kept.open()
    log.append([entries(4)[3]], durable=True)
    log.close()
    said = " ".join(kept.said)

    assert ("larger than any segment" in said, "at most 1073741824 bytes" in said) == (bool(end), not end)
    assert ["00000000", "00000001", "00000003"] == kept.ids()


def test_the_segment_that_counts_may_be_full_of_holes(kept: Kept) -> None:
    """What was written into it counts, whatever its size is."""
    write(kept, 2)
    os.truncate(kept.segment(), 1 << 43)

    assert ["00000000", "00000001"] == kept.ids()


def test_a_journal_that_may_be_done_without_goes_on_where_none_can_be_begun(tmp_path: Path) -> None:
    """It says so once, and what is owed is known to the process."""
    said: list[str] = []
    disk = Failing("create", 1, errno.ENOSPC, lasting=True)
    journal = FileJournal(claim(str(tmp_path / "j")), policy="allow-unjournaled", complain=said.append, disk=disk)
    before = list(said)
    journal.append(entries(1)[0])

    assert ["nothing more is kept"] == [text.rpartition("; ")[2] for text in before]
    assert 1 == len(journal.live())
    journal.close()


def test_a_store_that_cannot_be_read_is_given_up(tmp_path: Path) -> None:
    """Once it can be read, the same process opens it."""
    directory = str(tmp_path / "state")
    FileStore(directory, complain=print).close()
    (segment,) = [path for path in (tmp_path / "state").glob("seg-*.pej") if read_header(path.read_bytes())]
    aside = segment.rename(tmp_path / "aside")
    segment.symlink_to(aside)

    with pytest.raises(JournalError, match="cannot read the journal"):
        FileStore(directory, complain=print)
    aside.replace(segment)
    store = FileStore(directory, complain=print)
    store.save({"a": 1}, durable=True)
    store.close()


@pytest.mark.parametrize("version", ["x", [], 0, -1, None, 1.5], ids=repr)
def test_a_version_that_is_none_keeps_no_state_from_being_used(tmp_path: Path, version: object) -> None:
    """It is counted anew."""
    directory = str(tmp_path / "state")
    FileStore(directory, complain=print).close()
    (path,) = [path for path in (tmp_path / "state").glob("seg-*.pej") if read_header(path.read_bytes())]
    header = read_header(path.read_bytes())
    odd = encode(Entry(Kind.SAVED, "a", {"data": 5, "version": version}))
    path.write_bytes((header.pack() + seal(Kind.SAVED, odd, header.first, header.seed)).ljust(SIZE, b"\0"))
    store = FileStore(directory, complain=print)
    before = store.load("a")
    store.save({"a": 6}, durable=True)
    after = store.load("a")
    store.close()

    assert (5, 1, 6, 2) == (before.data, before.version, after.data, after.version)


class Gated(SystemDisk):
    """A disk whose flushes wait to be let through, once it is told so."""

    def __init__(self) -> None:
        self.gated = False
        self.waits, self.passes = threading.Semaphore(0), threading.Semaphore(0)

    def sync(self, descriptor: int) -> None:
        """Flush when it is let through."""
        if self.gated:
            self.waits.release()
            self.passes.acquire()
        super().sync(descriptor)


def test_a_thread_that_is_interrupted_while_it_is_written_leaves_nobody_behind(tmp_path: Path) -> None:
    """Each wakes the next, so the one that is interrupted must still wake its own."""
    disk, done, threads = Gated(), [], []
    log = Log(str(tmp_path), Ledger(), disk, lambda _text: None)

    def add(count: int) -> None:
        threads.append(threading.Thread(target=lambda: (log.append(entries(count), durable=True), done.append(count))))
        threads[-1].start()

    def waiting(count: int) -> None:
        while len(log._waiting) < count:
            continue

    def steer() -> None:
        # The first is being flushed; behind it wait the second, the main thread, and a fourth.
        waiting(2)
        add(4)
        waiting(3)
        disk.passes.release()
        disk.waits.acquire()
        # Now the second writes for all three.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        disk.gated = False
        disk.passes.release()

    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGUSR1, stop)
    disk.gated = True
    add(1)
    disk.waits.acquire()
    add(2)
    waiting(1)
    helper = threading.Thread(target=steer)
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        log.append(entries(3), durable=True)
    signal.signal(signal.SIGUSR1, former)
    for thread in (helper, *threads):
        thread.join()

    assert [1, 2, 4] == sorted(done)
    log.close()


def test_a_writer_that_is_interrupted_comes_back(tmp_path: Path) -> None:
    """It waits for nobody, and the log goes on."""

    class Interrupted(SystemDisk):
        armed = False

        def sync(self, descriptor: int) -> None:
            if self.armed:
                self.armed = False
                raise KeyboardInterrupt
            super().sync(descriptor)

    disk = Interrupted()
    log = Log(str(tmp_path), Ledger(), disk, lambda _text: None)
    disk.armed = True
    with pytest.raises(KeyboardInterrupt):
        log.append(entries(1), durable=True)
    log.append(entries(2), durable=True)
    log.close()


def test_a_root_that_another_made_just_now_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who loses the race to make it must not trust what the winner has made."""
    root = tmp_path / "journal"
    root.mkdir()
    root.chmod(0o777)
    # As if it had not been there a moment before.
    monkeypatch.setattr(os.path, "lexists", lambda _path: False)

    with pytest.raises(JournalError, match="nobody else can write to"):
        private(str(root))
