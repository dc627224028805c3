"""Lives of a journal on a simulated disk whose power is cut at any call; and writers that are broken on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from processender.core.obligation import Entry, Kind, Ledger, Obligation, intent
from processender.errors import JournalError
from processender.journal import log as log_room
from processender.journal.log import Log
from processender.journal.replay import replay
from processender.journal.segment import HEADER
from processender.journal.segments import Segments, write_all
from processender.testing.disk import PowerCut, SimulatedDisk

SIZE = 8192
THING = Obligation("1", "f", "/x", "f")


class Life:
    """Two processes that use one journal, each ended by a power cut, and what they were promised."""

    def __init__(self, seed: int, disk: type[SimulatedDisk] = SimulatedDisk) -> None:
        self.random = Random(seed)
        self.disk = disk(self.random)
        self.owed: set[str] = set()
        self.settled: set[str] = set()
        self.tried: set[str] = set()
        self.count = 0

    def violations(self) -> list[str]:
        """Live, die, and return what was promised and not kept."""
        found = []
        for _ in range(2):
            self.live()
            self.disk = self.disk.after_power_cut()
            found += self.lost()
        return found + self.shut()

    def live(self) -> None:
        """Append and release until the power is cut."""
        random = self.random
        self.disk.cut_at = self.disk.calls + random.randrange(1, 40)
        kind, at, code = (
            random.choice(["sync", "write", "create", "none"]),
            random.randrange(1, 30),
            random.choice([5, 28, -1]),
        )
        if code == -1:
            kind = "write"
        start = self.disk.calls
        self.disk.fail = lambda call, number: code if call == kind and number - start == at else 0
        try:
            log = Log("/j", Ledger(), self.disk, lambda _text: None, size=SIZE)
            for _ in range(30):
                self.step(log)
        except PowerCut:
            return

    def step(self, log: Log) -> None:
        """Begin a thing, or release one."""
        random = self.random
        open_ = sorted(self.owed - self.settled)
        try:
            if open_ and random.random() < 0.4:
                id_ = random.choice(open_)
                self.settled.add(id_)
                log.append([Entry(Kind.RELEASED, id_)], durable=False, grows=False)
                return
            self.count += 1
            id_ = f"{self.count}"
            self.tried.add(id_)
            fields = {"args": {"pad": "x" * random.randrange(0, 900)}}
            log.append([intent(THING.replace(id=id_, **fields))], durable=True)
            self.owed.add(id_)
        except JournalError:
            return

    def lost(self) -> list[str]:
        """Return what is missing, and what was made up."""
        ledger = Ledger()
        replay(self.disk, "/j", ledger.apply)
        live = {each.obligation.id for each in ledger.live()}
        missing = self.owed - self.settled - live
        return [f"lost {id_}" for id_ in sorted(missing)] + [f"made up {id_}" for id_ in sorted(live - self.tried)]

    def shut(self) -> list[str]:
        """Return why the journal cannot be opened and added to, now that the disk is well."""
        self.disk.fail = lambda _call, _number: 0
        try:
            log = Log("/j", Ledger(), self.disk, lambda _text: None, size=SIZE)
            log.append([intent(THING)], durable=True)
        except JournalError as error:
            return [f"it takes no more: {error}"]
        return []


class Lied(Life):
    """The same on a disk whose flushes claim success and do nothing, from some instant of each life on."""

    lost_something = False

    def violations(self) -> list[str]:
        """Live, die, and return what a lying disk must not bring about either."""
        found = []
        for _ in range(2):
            self.disk.lies_from = self.disk.calls + self.random.randrange(40)
            self.live()
            self.disk = self.disk.after_power_cut()
            found += self.broken()
        return found + self.shut()

    def broken(self) -> list[str]:
        """Return what is made up, what is there twice, and what is missing in the middle and not reported."""
        ledger, begun = Ledger(), Counter[str]()

        def apply(entry: Entry) -> None:
            begun[entry.id] += entry.kind in {Kind.INTENT, Kind.CHECKPOINT}
            ledger.apply(entry)

        troubles = replay(self.disk, "/j", apply).troubles
        live = {each.obligation.id for each in ledger.live()}
        promised = sorted(self.owed - self.settled, key=int)
        there = [id_ for id_ in promised if id_ in live]
        found = [f"made up {id_}" for id_ in live - self.tried]
        found += [f"{id_} is there twice" for id_, times in begun.items() if times > 1]
        if not troubles and there != promised[: len(there)]:
            found.append(f"of {promised} only {there} are there, and nothing is said")
        self.lost_something |= there != promised
        # What a lying disk has lost was never promised to the next life.
        self.owed &= live
        return found


class RetriesTheFlush(SimulatedDisk):
    """After a failed flush it flushes again, as if that could help."""

    def sync(self, descriptor: int) -> None:
        """Flush twice."""
        try:
            super().sync(descriptor)
        except OSError:
            super().sync(descriptor)


class IgnoresShortWrites(SimulatedDisk):
    """It believes that all was written."""

    def write(self, descriptor: int, data: bytes, offset: int) -> int:
        """Lie."""
        super().write(descriptor, data, offset)
        return len(data)


class NeverFlushes(SimulatedDisk):
    """It forgets to flush."""

    def sync(self, descriptor: int) -> None:
        """Do nothing."""


class NeverFlushesNames(SimulatedDisk):
    """It forgets the directory."""

    def sync_directory(self, path: str) -> None:
        """Do nothing."""


class HeaderFirst(Segments):
    """It lets a segment count before its checkpoint is there."""

    def _fill(self, file: int, header, data: bytes) -> None:
        write_all(self._disk, file, header.pack(), 0)
        self._disk.sync(file)
        if data:
            write_all(self._disk, file, data, HEADER)
            self._disk.sync(file)


BROKEN = (RetriesTheFlush, IgnoresShortWrites, NeverFlushes, NeverFlushesNames)
"""Disks that hide a mistake of the writer above them."""
ENOUGH = 3000
"""Within how many seeds each mistake must show."""


def is_caught(disk: type[SimulatedDisk]) -> bool:
    """Tell whether the mistake that *disk* makes loses something."""
    return any(Life(seed, disk).violations() for seed in range(ENOUGH))


def early_header_is_caught(patch: Callable[[object, str, object], object]) -> bool:
    """Tell whether a segment that counts too early loses something; *patch* sets an attribute for as long."""
    patch(log_room, "Segments", HeaderFirst)
    return any(Life(seed).violations() for seed in range(ENOUGH))
