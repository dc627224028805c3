"""The journal: what a durable intent costs, in time and in bytes on the device, and how fast all is read back."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from processender.core.obligation import Entry, Kind, Ledger, Obligation, intent
from processender.journal.disk import SystemDisk
from processender.journal.file import FileJournal
from processender.journal.log import Log
from processender.journal.owner import claim
from processender.journal.record import encode, seal
from processender.journal.replay import replay

from .figures import Figure, say

ROUNDS = 1500
EACH = 400
THREADS = 32
ENTRY = intent(
    Obligation("1" * 24, "file", "/var/lib/orders/spool/1", "file", {"root": "/var/lib/orders"}, created=1.0)
)


def entry(number: int) -> Entry:
    """Return one of many intents of the same size."""
    return Entry(Kind.INTENT, f"{number:024d}", ENTRY.data)


RECORD = seal(Kind.INTENT, encode(ENTRY), 1, 1)


class Bare:
    """A preallocated file, and nothing else: the least that a durable record can cost."""

    def __init__(self, place: Path) -> None:
        self.file = os.open(place / "bare", os.O_RDWR | os.O_CREAT)
        os.pwrite(self.file, bytes(1 << 21), 0)
        os.fsync(self.file)
        self.offset = 0

    def one(self, number: int) -> None:
        os.pwrite(self.file, RECORD, self.offset)
        os.fdatasync(self.file)
        self.offset += len(RECORD)


class Ours:
    """The journal."""

    def __init__(self, place: Path) -> None:
        self.journal = FileJournal(claim(str(place / "journal")), complain=say)

    def one(self, number: int) -> None:
        self.journal.append(entry(number))


class SQLite:
    """SQLite in WAL mode with full synchronisation; threads put their rows into one transaction a batch."""

    def __init__(self, place: Path) -> None:
        self.base = sqlite3.connect(place / "peer.db", check_same_thread=False, isolation_level=None)
        self.base.execute("PRAGMA journal_mode=WAL")
        self.base.execute("PRAGMA synchronous=FULL")
        self.base.execute("CREATE TABLE live (id TEXT PRIMARY KEY, data BLOB)")
        self.changed = threading.Condition()
        self.waiting: list[list] = []
        self.writing = False

    def one(self, number: int) -> None:
        self.base.execute("INSERT INTO live VALUES (?, ?)", (f"{number:024d}", RECORD))

    def batched(self, number: int) -> None:
        mine = [number, False]
        with self.changed:
            self.waiting.append(mine)
            while self.writing and not mine[1]:
                self.changed.wait()
            if mine[1]:
                return
            taken, self.waiting, self.writing = self.waiting, [], True
        self.base.execute("BEGIN")
        self.base.executemany("INSERT INTO live VALUES (?, ?)", [(f"{n:024d}", RECORD) for n, _ in taken])
        self.base.execute("COMMIT")
        with self.changed:
            self.writing = False
            for each in taken:
                each[1] = True
            self.changed.notify_all()


def p50(subjects: list[Callable[[int], None]]) -> list[float]:
    """Return the median microseconds of each, which take turns so that a slow minute hits all of them."""
    times: list[list[float]] = [[] for _ in subjects]
    for number in range(ROUNDS):
        for subject, kept in zip(subjects, times, strict=True):
            begin = time.perf_counter()
            subject(number)
            kept.append(time.perf_counter() - begin)
    return [statistics.median(kept) * 1e6 for kept in times]


def together(subject: Callable[[int], None]) -> float:
    """Return how many intents a second 32 threads get done."""
    threads = [
        threading.Thread(
            target=lambda first: [subject(number) for number in range(first, first + EACH)], args=(n * EACH,)
        )
        for n in range(THREADS)
    ]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return THREADS * EACH / (time.perf_counter() - begin)


@contextlib.contextmanager
def device() -> Iterator[tuple[Path, Callable[[], tuple[int, int]]]]:
    """Give an ext4 file system on a loop device of its own, and what counts its bytes and flushes."""
    with tempfile.TemporaryDirectory() as directory:
        image, place = Path(directory, "image"), Path(directory, "mount")
        place.mkdir()
        with image.open("wb") as file:
            file.truncate(256 << 20)
        options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
        subprocess.run(["mkfs.ext4", "-q", "-E", options, str(image)], check=True)
        loop = subprocess.run(
            ["losetup", "--find", "--show", "--direct-io=on", str(image)], check=True, capture_output=True, text=True
        ).stdout.strip()
        try:
            subprocess.run(["mount", loop, str(place)], check=True)
            statistics_of = Path("/sys/block", Path(loop).name, "stat")

            def counted() -> tuple[int, int]:
                fields = statistics_of.read_text(encoding="ascii").split()
                return int(fields[6]) * 512, int(fields[15])

            try:
                yield place, counted
            finally:
                subprocess.run(["umount", str(place)], check=True)
        finally:
            subprocess.run(["losetup", "--detach", loop], check=True)


def on_device(kind: type) -> tuple[float, float]:
    """Return the kilobytes and the flushes that one durable intent costs the device."""
    with device() as (place, counted):
        subject = kind(place)
        os.sync()
        before = counted()
        for number in range(1000):
            subject.one(number)
        after = counted()
        if kind is Ours:
            subject.journal.close()
        elif kind is SQLite:
            subject.base.close()
        else:
            os.close(subject.file)
    return (after[0] - before[0]) / 1000 / 1000, (after[1] - before[1]) / 1000


def read_back(count: int) -> tuple[float, float]:
    """
    Return the seconds and the peak megabytes of reading back as many open obligations.

    The median of three, each in a process of its own: the first one often waits for memory that the kernel must find.
    """
    with tempfile.TemporaryDirectory() as directory:
        log = Log(directory, Ledger(), SystemDisk(), say)
        for first in range(0, count, 1000):
            log.append([entry(number) for number in range(first, first + 1000)], durable=False)
        log.close()
        # Else the kernel would write to the disk while the reading is timed.
        os.sync()
        code = f"from bench.journal import replayed; print(*replayed({directory!r}))"
        said = [
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
            for _ in range(3)
        ]
    assert {int(found[2]) for found in said} == {count}
    return statistics.median(float(found[0]) for found in said), max(float(found[1]) for found in said)


def replayed(directory: str) -> tuple[float, float, int]:
    """Read a journal back and return the seconds, the peak megabytes, and how many obligations it holds."""
    ledger = Ledger()
    begin = time.perf_counter()
    replay(SystemDisk(), directory, ledger.apply)
    seconds = time.perf_counter() - begin
    # The kernel's own maximum for this program; `ru_maxrss` begins with that of the process that started it.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return seconds, int(status["VmHWM"].split()[0]) / 1024, len(ledger)


def measure() -> list[Figure]:
    """Measure all of it."""
    say("journal: one thread ...")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        place = Path(directory)
        ours, bare, peer = Ours(place), Bare(place), SQLite(place)
        mine, least, theirs = p50([ours.one, bare.one, peer.one])
        say("journal: 32 threads ...")
        rates, rivals = [], []
        for number in range(3):
            (place / f"{number}").mkdir()
            rates.append(together(Ours(place / f"{number}").one))
            rivals.append(together(SQLite(place / f"{number}").batched))
    rate, rival = statistics.median(rates), statistics.median(rivals)
    figures = [
        Figure("durable intent, one thread, p50", mine / least, "x", bar=1.3,
               beside=f"{mine:.0f} us; bare pwrite + fdatasync {least:.0f} us; SQLite WAL/FULL {theirs:.0f} us"),
        Figure("durable intents of 32 threads, to those of SQLite", rate / rival, "x", at_least=1.5,
               beside=f"{rate:,.0f} a second; SQLite WAL/FULL, batched, {rival:,.0f}"),
    ]  # fmt: skip
    if os.geteuid() == 0:
        say("journal: bytes on the device ...")
        (size, flushes), (peer_size, peer_flushes) = on_device(Ours), on_device(SQLite)
        figures += [
            Figure(
                "device bytes of a durable intent", size, "KB", bar=4.5, beside=f"SQLite WAL/FULL {peer_size:.1f} KB"
            ),
            Figure("flushes of a durable intent", flushes, "", bar=1.05, beside=f"SQLite WAL/FULL {peer_flushes:.2f}"),
        ]
    say("journal: reading back ...")
    small, large = read_back(100_000), read_back(1_000_000)
    figures += [
        Figure("reading back 100,000 open obligations", small[0], "s", bar=1.0, beside=f"peak {small[1]:.0f} MB"),
        Figure("reading back 1,000,000: time each to that of 100,000", large[0] / small[0] / 10, "x", bar=1.5,
               beside=f"{large[0]:.1f} s"),
        Figure("peak memory of reading back 1,000,000", large[1], "MB", bar=700),
    ]  # fmt: skip
    return figures
