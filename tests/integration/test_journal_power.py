"""Power cuts and failures at every call, on a simulated disk; and writers that are broken on purpose."""

from __future__ import annotations

import os

import pytest

from bench.power import BROKEN, Lied, Life, early_header_is_caught, is_caught
from processender.testing.disk import SimulatedDisk

SEEDS = int(os.environ.get("PROCESSENDER_SEEDS", "5000"))


def test_no_seed_loses_what_was_acknowledged() -> None:
    """At any call, with a failing disk on top: what was acknowledged is there, nothing is made up, and it goes on."""
    bad = {seed: found for seed in range(SEEDS) if (found := Life(seed).violations())}

    assert {} == bad


def test_a_disk_that_lies_about_flushes_loses_the_newest_or_it_is_reported() -> None:
    """After a power cut nothing is made up or there twice, what is lost is the end, and the journal opens."""
    bad, lost = {}, 0
    for seed in range(SEEDS // 2):
        life = Lied(seed)
        found = life.violations()
        lost += life.lost_something
        if found:
            bad[seed] = found

    assert {} == bad
    assert lost > SEEDS / 20  # the disk does lie


@pytest.mark.parametrize("disk", BROKEN)
def test_a_broken_writer_is_caught(disk: type[SimulatedDisk]) -> None:
    """The test can fail: each of the known mistakes loses something."""
    assert is_caught(disk)


def test_a_segment_that_counts_too_early_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header comes last for a reason."""
    assert early_header_is_caught(monkeypatch.setattr)
