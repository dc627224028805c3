"""What an archive below a directory answers."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from processender.archive.answers import Counts, Mark, Question
from processender.archive.find import open_archive
from processender.archive.lines import mark, take_crash
from processender.errors import ArchiveError
from tests.unit.archive.accounts import DAY, NOON, account, asked, entries, handler, kept, opened, raw


def test_an_empty_directory_has_no_runs(tmp_path: Path) -> None:
    """And no share of them."""
    found = asked(tmp_path)

    assert (Counts(), None, ()) == (found.counts, found.counts.graceful, found.days)


def test_runs_are_counted_by_their_ends(tmp_path: Path) -> None:
    """One that was taken back is none; one of which nothing was heard again was killed."""
    ends = ["clean", "clean", "degraded", "forced", "cancelled"]
    kept(tmp_path, *(account(str(number), verdict=verdict) for number, verdict in enumerate(ends)))
    kept(tmp_path, account("killed", ended=None))
    take_crash(str(tmp_path / "shop"), {"id": "c", "service": "shop", "cause": "oom", "at": NOON})
    counts = asked(tmp_path).counts

    assert Counts(runs=6, clean=2, degraded=1, forced=1, killed=1, crashed=1, cancelled=1) == counts
    assert pytest.approx(2 / 6) == counts.graceful


def test_a_run_whose_window_is_not_over_is_not_counted_yet(tmp_path: Path) -> None:
    """It may still end."""
    kept(tmp_path, account(at=time.time() - 5, ended=None))

    assert asked(tmp_path).counts.runs == 0


def test_a_killed_run_that_was_heard_of_later_was_not_killed(tmp_path: Path) -> None:
    """Its end may come from another file, long after its begin."""
    kept(tmp_path, account(ended=None))
    before = asked(tmp_path).counts
    kept(tmp_path, account())
    after = asked(tmp_path).counts

    assert (Counts(runs=1, killed=1), Counts(runs=1, clean=1)) == (before, after)


def test_a_run_is_counted_once_whatever_was_read_twice(tmp_path: Path) -> None:
    """Copies of one directory may lie beside each other."""
    for node in ("a", "b"):
        kept(tmp_path / node, account(ended=None), account(), account())
        mark(str(tmp_path / node / "shop"), "incident", "x", NOON)
    found = asked(tmp_path)

    assert (1, 1) == (found.counts.runs, len(found.marks))


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    """The rest is in the index."""
    kept(tmp_path, *(account(str(number)) for number in range(50)))
    told: list[tuple[int, int]] = []
    open_archive(str(tmp_path), progress=lambda done, whole: told.append((done, whole))).close()
    first = told[-1]
    kept(tmp_path, account("new"))
    told.clear()
    with open_archive(str(tmp_path), progress=lambda done, whole: told.append((done, whole))) as archive:
        runs = archive.overview().counts.runs

    assert first[0] == first[1]
    assert first[1] / 40 > told[-1][1] > 0
    assert runs == 51


def test_a_segment_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    """What was in the old one stays."""
    kept(tmp_path, account("1", at=NOON + 1), account("2")).rename(tmp_path / "away")
    opened(tmp_path).close()
    raw(tmp_path, *((tmp_path / "away").read_bytes(),))
    opened(tmp_path).close()
    (tmp_path / "away").unlink()
    kept(tmp_path).unlink()
    kept(tmp_path, account("3"))

    assert {"1", "2", "3"} == {entry.id for entry in entries(tmp_path)}


def test_groups_have_counts_and_times(tmp_path: Path) -> None:
    """By cause, version, zone, deployment, service and day, each in its order."""
    kept(tmp_path, *(account(f"a{n}", seconds=1.0, zone="a", cause="spot", at=NOON - DAY) for n in range(3)))
    kept(tmp_path, account("b", seconds=10.0, zone="b", version="1.1.0", verdict="degraded"))
    found = asked(tmp_path)

    assert [("spot", 3), ("SIGTERM", 1)] == [(group.name, group.counts.runs) for group in found.causes]
    assert ["1.1.0", "1.0.0"] == [group.name for group in found.versions]
    assert [("a", 3), ("b", 1)] == [(group.name, group.counts.clean or 1) for group in found.zones]
    assert [pytest.approx(1.0, rel=0.06), pytest.approx(10.0, rel=0.06)] == [group.p50_s for group in found.days]
    assert [("spot", "a", 3), ("SIGTERM", "b", 1)] == [(*pair[:2], pair[2].runs) for pair in found.pairs]
    assert ["shop"] == [group.name for group in found.services]


@pytest.mark.parametrize(
    ("question", "runs"),
    [
        (Question(), 8),
        (Question(service="shop"), 7),
        (Question(service="other"), 1),
        (Question(service="nobody"), 0),
        (Question(zone="b"), 1),
        (Question(cause="spot", version="2"), 1),
        (Question(since=NOON), 5),
        (Question(until=NOON), 3),
        (Question(since=NOON - DAY, until=NOON + DAY), 5),
        (Question(since=NOON - 1.5 * DAY, until=NOON - DAY / 2), 2),
        (Question(since=NOON + 10, until=NOON + 20), 1),
        (Question(since=1e300), 0),
    ],
)
def test_a_question_selects(tmp_path: Path, question: Question, runs: int) -> None:
    """Parts of days too, run by run; and handlers, groups and entries are of the same runs."""
    days = [account(str(n), at=NOON + (n - 2) * DAY) for n in range(5)]
    kept(
        tmp_path,
        *days,
        account("b", zone="b", at=NOON + 12),
        account("s", cause="spot", version="2", at=NOON - DAY + 3),
    )
    kept(tmp_path, account("o", service="other", at=NOON + 30), service="other")
    with opened(tmp_path) as archive:
        found = archive.overview(question)
        entries = archive.recent(question, 100)

    assert runs == found.counts.runs == len(entries) == sum(handler.runs for handler in found.handlers)
    assert runs == sum(group.counts.runs for group in found.days) == sum(group.counts.runs for group in found.versions)
    assert runs == 0 or found.first == min(entry.began for entry in entries)


def test_a_day_with_too_many_runs_is_taken_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that is said."""
    monkeypatch.setattr("processender.archive.counting.MOST_AT_THE_EDGES", 3)
    kept(tmp_path, *(account(str(n), at=NOON + n) for n in range(5)))
    found = asked(tmp_path, Question(since=NOON + 2))

    assert found.counts.runs == 5
    assert "is taken as a whole" in found.troubles[0]


@pytest.mark.parametrize(("first", "last"), [(0, 40), (3, 39), (8, 16), (8, 9), (7, 17), (1, 7), (0, 1 << 40)])
def test_handlers_are_counted_by_blocks_of_days(tmp_path: Path, first: int, last: int) -> None:
    """Each day once, whatever days are asked for."""
    kept(tmp_path, *(account(str(day), at=(16_000 + day) * DAY + 5) for day in range(40)))
    question = Question(since=(16_000 + first) * DAY, until=(16_000 + last) * DAY)
    (found,) = asked(tmp_path, question).handlers

    assert min(last, 40) - first == found.runs


def test_a_handler_has_its_outcomes_its_reasons_and_its_growth(tmp_path: Path) -> None:
    """Of the newest version beside the one before."""
    skipped = handler("flush", "skipped", reason="the window is too short", started_s=None)
    kept(tmp_path, *(account(f"a{n}", handlers=[handler(seconds=1.0)]) for n in range(39)))
    kept(tmp_path, account("s", at=NOON + 1, cause="spot", handlers=[skipped], retries=[{"handler": "flush"}]))
    newer = [handler(seconds=2.0, timeout_s=7.0)]
    kept(tmp_path, *(account(f"b{n}", at=NOON + 2, version="1.1.0", handlers=newer) for n in range(20)))
    (found,) = asked(tmp_path).handlers

    assert {"done": 59, "skipped": 1} == found.outcomes
    assert ({"the window is too short": 1}, {"spot": 1}, 1) == (found.reasons, found.skipped_by_cause, found.retries)
    assert ("1.1.0", 7.0, "flush", "must") == (found.version, found.timeout_s, found.phase, found.importance)
    assert [2.0, 1.0, 1.0] == pytest.approx([found.newest_p95_s, found.before_p95_s, found.p50_s], rel=0.051)


def test_versions_with_few_runs_are_not_compared(tmp_path: Path) -> None:
    """The slowest of four says nothing of the next twenty."""
    kept(tmp_path, *(account(f"a{n}", handlers=[handler(seconds=1.0)]) for n in range(39)))
    kept(tmp_path, *(account(f"b{n}", at=NOON + 2, version="1.1.0", handlers=[handler(seconds=2.0)]) for n in range(4)))
    (found,) = asked(tmp_path).handlers

    assert ("1.1.0", None) == (found.version, found.before_p95_s)
    assert 2.0 == pytest.approx(found.newest_p95_s, rel=0.051)


def test_reasons_that_differ_in_their_numbers_are_one(tmp_path: Path) -> None:
    """How much time was missing is another number each time; the first stands for all, over versions, too."""
    reasons = [f"'flush-2' is expected to end {n}.25 s after the notice; there are 9.00 s" for n in range(50)]
    deeds = [handler("flush", "skipped", started_s=None, reason=reason) for reason in reasons]
    kept(tmp_path, *(account(str(n), version=f"1.{n % 2}", handlers=[deed]) for n, deed in enumerate(deeds)))

    assert {reasons[0]: 50} == asked(tmp_path).handlers[0].reasons


def test_what_was_cancelled_says_nothing_of_its_handlers(tmp_path: Path) -> None:
    """They were stopped on the way."""
    kept(tmp_path, account(verdict="cancelled"))

    assert () == asked(tmp_path).handlers


def test_a_new_version_and_a_new_deployment_are_marks(tmp_path: Path) -> None:
    """Nobody needs to make one; those with which it began are none."""
    kept(tmp_path, account("1", deployment="blue"), account("2", at=NOON + 60, version="1.1.0", deployment="blue"))
    kept(tmp_path, account("3", at=NOON + 120, version="1.1.0", deployment="green"))

    assert (
        Mark(NOON + 60, "deployment", "1.1.0", "shop"),
        Mark(NOON + 120, "deployment", "green", "shop"),
    ) == asked(tmp_path).marks


def test_a_deployment_that_somebody_has_marked_is_not_marked_twice(tmp_path: Path) -> None:
    """By hand, an hour before its first run has ended."""
    kept(tmp_path, account("1"), account("2", at=NOON + 60, version="1.1.0"))
    mark(str(tmp_path / "shop"), "deployment", "v1.1.0", NOON - 3600)
    mark(str(tmp_path / "shop"), "incident", "broker away", NOON, "other")

    assert ["v1.1.0", "broker away"] == [each.text for each in asked(tmp_path).marks]
    assert ["v1.1.0"] == [each.text for each in asked(tmp_path, Question(service="shop")).marks]


def test_entries_come_in_pages(tmp_path: Path) -> None:
    """The newest first, killed ones among them, and none twice, though several began at one moment."""
    kept(tmp_path, *(account(f"{n:02}", at=NOON + n // 3, ended=None if n % 5 == 0 else NOON) for n in range(20)))
    pages, before = [], ""
    with opened(tmp_path) as archive:
        while page := archive.recent(Question(service="shop"), 7, before):
            pages.append([entry.id for entry in page])
            before = page[-1].id
        killed = [entry.id for entry in archive.recent(Question()) if entry.verdict == "killed"]

    assert [f"{n:02}" for n in reversed(range(20))] == [each for page in pages for each in page]
    assert [7, 7, 6] == [len(page) for page in pages]
    assert ["15", "10", "05", "00"] == killed


def test_the_account_of_a_run_is_its_report(tmp_path: Path) -> None:
    """By default that of the newest run whose report is still there."""
    reports = tmp_path / "shop" / "reports"
    kept(tmp_path, account("1"), account("2", at=NOON + 1), account("3", at=NOON + 2))
    reports.mkdir()
    for number in ("1", "2"):
        (reports / f"{number}.json").write_text(json.dumps(account(number)))
    with opened(tmp_path) as archive:
        found = [archive.account(number) for number in ("1", "3", "", "nobody", "../../x")]

    assert ["1", None, "2", None, None] == [each and each["id"] for each in found]


def test_a_report_without_a_line_is_read_too(tmp_path: Path) -> None:
    """Of an earlier version of the program, or where the line was lost; the same of a crash."""
    for kind, data in (("reports", account("r")), ("crashes", {"schema": 1, "id": "c", "service": "shop", "at": NOON})):
        place = tmp_path / "node-1" / "shop" / kind
        place.mkdir(parents=True)
        (place / f"{data['id']}.json").write_text(json.dumps(data))
    for _ in range(2):
        found = asked(tmp_path)

    assert (Counts(runs=2, clean=1, crashed=1), ()) == (found.counts, found.troubles)


def test_a_crash_in_a_run_is_counted_as_that_run(tmp_path: Path) -> None:
    """It was killed in its clean-up, which is one end and not two."""
    kept(tmp_path, account(ended=None))
    take_crash(str(tmp_path / "shop"), {"id": "c", "service": "shop", "cause": "cut", "at": NOON})

    assert Counts(runs=1, killed=1) == asked(tmp_path).counts


def test_the_directory_of_one_service_is_an_archive_too(tmp_path: Path) -> None:
    """Whatever somebody has copied."""
    kept(tmp_path, account())

    assert asked(tmp_path / "shop").counts.runs == 1


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """It names it."""
    with pytest.raises(ArchiveError, match=r"cannot read the archive below .*/nowhere: No such file"):
        opened(tmp_path / "nowhere")


def test_another_kind_of_place_is_an_error_that_does_not_quote_it() -> None:
    """It may hold a password."""
    with pytest.raises(ArchiveError, match="mysql") as caught:
        open_archive("mysql://me:secret@host/db")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "crashed"),
    [
        ([], 1),
        (["run.started"], 0),
        (["run.started", "handler.started", "notice.heard"], 0),
        (["handler.ended"], 0),
        (["run.started", "handler.ended", "run.ended"], 1),
    ],
)
def test_whoever_dies_in_a_run_is_counted_once_whatever_the_cause(
    tmp_path: Path, keys: list[str], crashed: int
) -> None:
    """The host went down, or a signal was fatal; a run that was taken back before is no matter."""
    kept(tmp_path, account("1", ended=None))
    crash = {"id": "c", "service": "shop", "cause": "host", "at": NOON, "events": [{"key": key} for key in keys]}
    take_crash(str(tmp_path / "shop"), crash)
    counts = asked(tmp_path).counts

    assert (1, crashed) == (counts.killed, counts.crashed)
