"""The power is cut under a real ext4 and a real xfs, and what was acknowledged is looked for afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.mounts import CUTS, MAKE, CannotMount, after_a_cut, mounted, run_until, wrong


@contextmanager
def or_skipped() -> Iterator[None]:
    """Skip where this machine gives no loop device, with its reason."""
    try:
        yield
    except CannotMount as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", MAKE)
def test_after_a_power_cut_all_that_was_acknowledged_is_there(kind: str, cut: int, tmp_path: Path) -> None:
    """Nothing is lost, made up or damaged; what is there is owed, and a recovery leaves nothing of it."""
    with or_skipped():
        said, violations, left = after_a_cut(kind, cut, tmp_path)

    assert [] == violations
    assert [] == left
    assert len(said.owed) >= cut


@pytest.mark.parametrize("kind", MAKE)
def test_a_journal_that_forgets_to_flush_is_caught(kind: str, tmp_path: Path) -> None:
    """The test can fail: without the flushes of the journal something that was acknowledged is lost."""
    with or_skipped(), mounted(kind, tmp_path) as mount:
        said = run_until(mount, 8, "forgets")
        mount.again()
        violations = wrong(mount, said)

    assert any("is lost" in each for each in violations)
