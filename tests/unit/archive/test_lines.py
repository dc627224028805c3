"""What an ending process appends to the archive."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from processender.archive import lines
from tests.unit.archive.accounts import account, kept, segment


def test_a_run_has_two_lines(tmp_path: Path) -> None:
    """One at its begin, one at its end."""
    path = kept(tmp_path, account(ended=None), account())

    assert ["start", "end"] == [next(iter(json.loads(line))) for line in path.read_text().splitlines()]


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    """As everything in the state directory."""
    path = kept(tmp_path, account())

    assert (0o600, 0o700) == (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode))


def test_a_torn_line_is_closed_by_the_next(tmp_path: Path) -> None:
    """A full disk costs one line, and not two."""
    path = kept(tmp_path, account("1"))
    with path.open("ab") as file:
        file.write(b'{"end": "2", "v": 1, "at')
    kept(tmp_path, account("3"))

    assert ["1", "3"] == [json.loads(line)["end"] for line in (path.read_text().splitlines()[n] for n in (0, 2))]


def test_a_full_segment_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is in one of them."""
    monkeypatch.setattr(lines, "SEGMENT_BYTES", 1_000)
    for number in range(20):
        kept(tmp_path, account(str(number)))
    found = sorted(segment(tmp_path).parent.iterdir())
    whole = [json.loads(line)["end"] for path in found for line in path.read_text().splitlines()]

    assert len(found) > 5
    assert [str(number) for number in range(20)] == whole
    assert all(path.stat().st_size <= 1_000 for path in found)


def test_only_so_many_segments_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes first: a service may end a million times."""
    monkeypatch.setattr(lines, "SEGMENT_BYTES", 300)
    monkeypatch.setattr(lines, "SEGMENTS", 4)
    for number in range(12):
        kept(tmp_path, account(str(number)))
    names = lines.segments(os.listdir(segment(tmp_path).parent))

    assert ["000009.jsonl", "000010.jsonl", "000011.jsonl", "000012.jsonl"] == names


def test_a_link_in_the_place_of_a_segment_is_not_followed(tmp_path: Path) -> None:
    """It would let somebody append to any file."""
    target = tmp_path / "target"
    target.touch()
    path = segment(tmp_path)
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    with pytest.raises(OSError, match="cannot add the run to the archive"):
        kept(tmp_path, account())

    assert not target.read_bytes()


def test_a_directory_that_is_gone_is_an_error_that_says_where(tmp_path: Path) -> None:
    """It is a trouble of the run, and never more."""
    with pytest.raises(OSError, match=r"cannot add the run to the archive .*/gone/archive"):
        lines.take(str(tmp_path / "gone"), account())


def test_a_mark_and_a_crash_are_lines_too(tmp_path: Path) -> None:
    """Beside those of the runs."""
    lines.mark(str(tmp_path), "deployment", "1.4.2", 1.0)
    lines.take_crash(str(tmp_path), {"id": "c", "service": "shop", "cause": "oom", "at": 1.0, "version": "2"})
    found = [json.loads(line) for line in (tmp_path / "archive" / "000001.jsonl").read_text().splitlines()]

    assert [("deployment", None), (None, "c")] == [(each.get("mark"), each.get("crash")) for each in found]


def test_what_would_swallow_the_line_is_said(tmp_path: Path) -> None:
    """A pipe takes it, and it is gone with the descriptor."""
    (tmp_path / "archive").mkdir()
    os.mkfifo(tmp_path / "archive" / "000001.jsonl")

    with pytest.raises(OSError, match=r"000001\.jsonl is no regular file; remove it"):
        lines.take(str(tmp_path), account())
