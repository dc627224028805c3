"""Whose a journal is, written down on a disk that takes nothing, or not enough."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CLAIMS = """
import json, os, resource, sys
from processender.errors import JournalError
from processender.journal.directory import read_owner
from processender.journal.owner import claim
root, most = sys.argv[1], int(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
opened, refused = len(os.listdir('/proc/self/fd')), 0
for _ in range(5):
    try:
        claim(root)
    except JournalError:
        refused += 1
found = [refused, os.listdir(root), len(os.listdir('/proc/self/fd')) - opened]
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print(json.dumps([*found, read_owner(claim(root).directory).get('pid') == os.getpid()]))
"""
"""Makes journals where a file may have so many bytes and no more, and one where it may have any."""


@pytest.mark.parametrize("most", [0, 10], ids=["nothing is taken", "a part is taken"])
def test_a_journal_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path, most: int) -> None:
    """Neither a directory nor a descriptor stays, and once there is room one can be made."""
    argv = [sys.executable, "-c", CLAIMS, str(tmp_path / "journal"), str(most)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout

    assert [5, [], 0, True] == json.loads(said)
