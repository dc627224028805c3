"""Power cuts and failures at every call, on a simulated disk; and writers that are broken on purpose."""

from __future__ import annotations

import os
from random import Random

import pytest

from processender.core.obligation import Entry, Kind, Ledger, Obligation, intent
from processender.errors import JournalError
from processender.journal import log as log_room
from processender.journal.log import Log
from processender.journal.replay import replay
from processender.journal.segment import HEADER
from processender.journal.segments import Segments, write_all
from processender.testing.disk import PowerCut, SimulatedDisk

SEEDS = int(os.environ.get("PROCESSENDER_SEEDS", "20000"))
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
        return found

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


def test_no_seed_loses_what_was_acknowledged() -> None:
    """At any call, with a failing disk on top: what was acknowledged is there, and nothing is made up."""
    bad = {seed: found for seed in range(SEEDS) if (found := Life(seed).violations())}

    assert {} == bad


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


@pytest.mark.parametrize("disk", [RetriesTheFlush, IgnoresShortWrites, NeverFlushes, NeverFlushesNames])
def test_a_broken_writer_is_caught(disk: type[SimulatedDisk]) -> None:
    """The test can fail: each of the known mistakes loses something."""
    assert any(Life(seed, disk).violations() for seed in range(3000))


def test_a_segment_that_counts_too_early_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header comes last for a reason."""
    monkeypatch.setattr(log_room, "Segments", HeaderFirst)

    assert any(Life(seed).violations() for seed in range(3000))
