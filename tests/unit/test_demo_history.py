"""The history that the demo leaves to be looked at."""

from __future__ import annotations

import json
import random
from pathlib import Path

from demo.history import DAYS, VERSIONS, dates, environment, spread


def test_the_dates_lie_over_six_weeks_and_end_with_the_last_run() -> None:
    """That one is shown second by second, and has its date already."""
    found = dates(400, 1e9, random.Random(1))

    assert (400, 1e9) == (len(found), found[-1])
    assert sorted(found) == found
    assert 1e9 - DAYS * 86_400 < found[0] < 1e9 - (DAYS - 3) * 86_400


def test_both_lines_of_a_run_are_moved_together(tmp_path: Path) -> None:
    """And stand in the order in which they would have been written."""
    lines = [
        {"start": "b", "instance": "shop-1"},
        {"start": "a", "instance": "shop-0"},
        {"end": "a", "instance": "shop-0"},
    ]
    (tmp_path / "000001.jsonl").write_text("".join(f"{json.dumps({**line, 'at': 5.0})}\n" for line in lines))
    spread(tmp_path, [1.0, 2.0])
    found = [json.loads(line) for line in (tmp_path / "000001.jsonl").read_text().splitlines()]

    assert [("a", None, 1.0), (None, "a", 1.0), ("b", None, 2.0)] == [
        (e.get("start"), e.get("end"), e["at"]) for e in found
    ]


def test_versions_follow_one_another_and_nothing_of_this_process_is_told_to_the_shop(monkeypatch) -> None:
    """A collector of this machine must hear nothing of it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://somewhere")
    made = [environment(Path("/s"), number, 100, random.Random(1)) for number in range(100)]
    versions = [each["OTEL_RESOURCE_ATTRIBUTES"].split(",")[0].removeprefix("service.version=") for each in made]

    assert [name for _share, name in VERSIONS] == sorted(set(versions))
    assert sorted(versions) == versions
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in made[0]
