"""An archive on a bad day: what can be read is read, and what cannot is said."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from processender.archive import names
from processender.archive.answers import Question
from processender.archive.index import NAME
from processender.core.labels import OTHERS
from processender.errors import ArchiveError
from tests.unit.archive.accounts import NOON, account, asked, entries, kept, line, opened, raw, segment


def test_a_damaged_line_costs_no_other(tmp_path: Path) -> None:
    """Half a line, no JSON, something else, and what is nested without end."""
    bad = ['{"end": "x', "[]", "7", "\0\0\0", '{"end": "y", "v": 1}', "[" * 50_000, '{"v": "1"}', b"\xff\xfe{}"]
    raw(tmp_path, line("1"))
    for each in bad:
        raw(tmp_path, each, "\n")
    raw(tmp_path, line("2"))
    for _ in range(2):
        found = asked(tmp_path)

        assert found.counts.runs == 2
        assert f"damaged, and were left out: {len(bad)}" in found.troubles[0]


def test_a_line_of_a_later_version_is_left_out_and_said(tmp_path: Path) -> None:
    """It may mean anything."""
    raw(tmp_path, line("1"), line("2", v=2), line("3", v=3, handlers="later"))
    found = asked(tmp_path)

    assert found.counts.runs == 1
    assert "of a later version, and were left out: 2; update processender" in found.troubles[0]


def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    """Not before, and not as a damaged one."""
    whole = line("2").encode()
    raw(tmp_path, line("1"), whole[:40])
    before = asked(tmp_path)
    raw(tmp_path, whole[40:])
    after = asked(tmp_path)

    assert [(1, ()), (2, ())] == [(each.counts.runs, each.troubles) for each in (before, after)]


def test_a_line_without_an_end_is_not_read_into_memory(tmp_path: Path) -> None:
    """Somebody has filled the file with something else."""
    raw(tmp_path, line("1"), b"x" * (10 << 20), "\n", line("2"))
    found = asked(tmp_path)

    assert found.counts.runs == 2
    assert "damaged" in found.troubles[0]


def test_a_damaged_report_is_left_out_and_said(tmp_path: Path) -> None:
    """One of a later version, too."""
    place = tmp_path / "shop" / "reports"
    place.mkdir(parents=True)
    (place / "1.json").write_text("{")
    damaged = asked(tmp_path)
    (place / "1.json").write_text(json.dumps(account(schema=9)))
    newer = asked(tmp_path)

    assert [0, 0] == [each.counts.runs for each in (damaged, newer)]
    assert "1.json is damaged" in damaged.troubles[0]
    assert "1.json is of a later version" in newer.troubles[0]


@pytest.mark.parametrize("kind", ["no database", "cut", "overwritten", "foreign", "newer", "empty"])
def test_an_index_that_cannot_be_used_is_made_anew(tmp_path: Path, kind: str) -> None:
    """It holds nothing that cannot be read again."""
    kept(tmp_path, *(account(str(number), at=NOON + number) for number in range(200)))
    opened(tmp_path).close()
    path = tmp_path / NAME
    size = path.stat().st_size
    if kind in {"foreign", "newer"}:
        database = sqlite3.connect(path)
        database.execute("PRAGMA application_id = 7" if kind == "foreign" else "PRAGMA user_version = 99")
        database.commit()
        database.close()
    elif kind == "overwritten":
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(size - 8192))
    else:
        path.write_bytes({"no database": b"x" * 5000, "cut": path.read_bytes()[: size // 3], "empty": b""}[kind])
    with opened(tmp_path) as archive:
        found = archive.overview()

    assert (200, 20) == (found.counts.runs, len(found.recent))
    assert kind == "empty" or "was put aside" in found.troubles[0]


def test_an_index_that_another_process_has_is_waited_for_and_said(tmp_path: Path) -> None:
    """What to do is said, too."""
    kept(tmp_path, account())
    with opened(tmp_path), pytest.raises(ArchiveError, match=r"another process has had its index for .*try again"):
        opened(tmp_path)
    assert asked(tmp_path).counts.runs == 1


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond a few bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_on_a_full_disk_the_index_is_made_in_memory(tmp_path: Path) -> None:
    """A report can be read when it is needed most."""
    kept(tmp_path, account())
    with full_disk(), opened(tmp_path) as archive:
        found = archive.overview()

    assert found.counts.runs == 1
    assert "it is made in memory" in found.troubles[0]


def test_on_a_full_disk_a_line_is_lost_and_that_is_said(tmp_path: Path) -> None:
    """The next one is whole."""
    kept(tmp_path, account("1"))
    with full_disk(), pytest.raises(OSError, match="cannot add the run to the archive"):
        kept(tmp_path, account("2"))
    kept(tmp_path, account("3"))

    assert ["1", "3"] == sorted(entry.id for entry in entries(tmp_path))


def test_a_link_in_the_place_of_the_index_is_not_followed(tmp_path: Path) -> None:
    """It would let somebody write into any file."""
    target = tmp_path / "target"
    target.write_text("precious")
    kept(tmp_path, account())
    (tmp_path / NAME).symlink_to(target)
    found = asked(tmp_path)

    assert (1, "precious") == (found.counts.runs, target.read_text())
    assert "it is made in memory" in found.troubles[0]


def test_links_below_the_directory_are_not_followed(tmp_path: Path) -> None:
    """They may lead in a circle, or out of it."""
    kept(tmp_path, account())
    (tmp_path / "loop").symlink_to(tmp_path)
    (segment(tmp_path).parent / "000002.jsonl").symlink_to("/etc/passwd")
    found = asked(tmp_path)

    assert found.counts.runs == 1
    assert "000002.jsonl cannot be read" in found.troubles[0]


@pytest.mark.parametrize(
    "name", ["it's", 'a"b', "a\nb", "<script>alert(1)</script>", "%s", "?", "; DROP TABLE runs", "x" * 10_000]
)
def test_a_hostile_name_is_a_name(tmp_path: Path, name: str) -> None:
    """Wherever it stands; a very long one is cut."""
    about = {"version": name, "zone": name, "deployment": name, "cause": name, "node": name, "instance": name}
    kept(tmp_path, account(service=name, handlers=[{"name": name, "outcome": "failed", "reason": name}], **about))
    with opened(tmp_path) as archive:
        found = archive.overview()
        known = found.zones[0].name
        asked = archive.overview(Question(service=known, zone=known, cause=known, version=known))

    assert known == name or (len(known) == 200 and known.endswith("\u2026"))
    assert ({known: 1}, known, 1) == (found.handlers[0].reasons, found.recent[0].node, asked.counts.runs)


def test_a_clock_that_is_ahead_is_said(tmp_path: Path) -> None:
    """Its runs are counted all the same; one that is behind cannot be told from an old run."""
    kept(tmp_path, account("1"), account("2", at=time.time() + 7200.0, node="n7"))
    found = asked(tmp_path)

    assert found.counts.runs == 2
    assert "runs of n7 are dated up to 7" in found.troubles[0]


def test_an_end_that_is_dated_before_its_begin_took_no_time(tmp_path: Path) -> None:
    """Lengths come from a clock that never goes back; a length below nothing is damage."""
    raw(tmp_path, line("1", seconds=-5.0))

    assert [0.0] == [entry.seconds for entry in entries(tmp_path)]


def test_a_million_different_values_stay_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes last is counted together, and that is said; here of fewer, with less room."""
    monkeypatch.setattr(names, "MOST_VALUES", {"version": 10, "zone": 10, "deployment": 10, "cause": 10})
    monkeypatch.setattr(names, "MOST_CELLS", 60)
    monkeypatch.setattr(names, "MOST_HANDLERS", 10)
    monkeypatch.setattr(names, "MOST_REASONS", 3)
    for start in (0, 500):
        for n in range(start, start + 500):
            deed = f'[["h{n}", "flush", "must", "failed", 1.0, 0, "r{n}", null], ["h", "", "", "failed", 1.0, 0, "r{n}", 1.0]]'
            about = {"version": f"v{n}", "zone": f"z{n % 97}", "deployment": f"d{n}", "cause": f"c{n % 31}"}
            raw(tmp_path, line(str(n), handlers=json.loads(deed), **about))
        with opened(tmp_path) as archive:
            found = archive.overview()
            sizes = {
                table: next(iter(archive._store.rows(f"SELECT count(*) FROM {table}")))[0]
                for table in ("cells", "handlers", "reasons", "deeds")
            }

        assert start + 500 == found.counts.runs == sum(group.counts.runs for group in found.zones)
        assert sizes["cells"] <= 60 + 10 + 1
        assert sizes["handlers"] <= sizes["cells"] * 11
        assert sizes["reasons"] <= sizes["handlers"] * 4
        assert any("are counted as (others)" in text or "is counted as (others)" in text for text in found.troubles)
    assert OTHERS in {group.name for group in found.zones}


def test_a_million_services_stay_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service is a label, too."""
    monkeypatch.setattr(names, "MOST_SERVICES", 10)
    raw(tmp_path, *(line(str(n), service=f"s{n}") for n in range(100)))
    found = asked(tmp_path)

    assert 100 == found.counts.runs
    assert 11 == len(found.services)
    assert 90 == found.services[-1].counts.runs


def test_an_overview_names_the_most_frequent_and_puts_the_rest_together(tmp_path: Path) -> None:
    """A page has an end."""
    raw(tmp_path, *(line(f"{n}-{m}", zone=f"z{n:02}") for n in range(80) for m in range(1 + (n < 20))))
    found = asked(tmp_path)

    assert (51, "z00", "(others)") == (len(found.zones), found.zones[0].name, found.zones[-1].name)
    assert 100 == sum(group.counts.runs for group in found.zones)
    assert found.zones[-1].p50_s is not None


def test_only_the_newest_runs_are_kept_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older ones stay counted."""
    monkeypatch.setattr("processender.archive.index.MOST_RUNS", 10)
    kept(tmp_path, *(account(str(number), at=NOON + number) for number in range(30)))
    for _ in range(2):
        with opened(tmp_path) as archive:
            found = (archive.overview().counts.runs, len(archive.recent(Question(), 100)))

        assert (30, 10) == found


def test_a_name_that_is_no_text_is_left_out_and_said(tmp_path: Path) -> None:
    """A database takes none: a directory of a service, a segment, and a report."""
    raw(tmp_path, line("1"))
    os.makedirs(os.fsencode(tmp_path) + b"/od\xffd/archive")
    os.makedirs(os.fsencode(tmp_path) + b"/shop/reports", exist_ok=True)
    with open(os.fsencode(tmp_path) + b"/shop/reports/a\xff.json", "wb") as file:
        file.write(b"{}")
    found = asked(tmp_path)

    assert found.counts.runs == 1
    assert ["is no UTF-8: what is there was left out; rename it" in text for text in found.troubles] == [True]


def test_a_time_out_that_is_none_is_none(tmp_path: Path) -> None:
    """Python's JSON has numbers that no other has, and what is printed must be JSON."""
    for number, wrong in enumerate((float("nan"), float("inf"), -1.0)):
        deed = ["flush", "drain", "must", "done", 1.0, 0, "", wrong]
        raw(tmp_path, line(str(number), handlers=[deed]))

    assert [None] == [each.timeout_s for each in asked(tmp_path).handlers]
