"""The benchmarks keep what they have measured, and say what they could not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import containers
from bench.figures import Figure


def test_what_was_measured_is_kept_when_a_later_one_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of measuring is not lost to its last minute."""

    def broken() -> list[Figure]:
        raise RuntimeError("no such luck")

    results = tmp_path / "results.json"
    results.write_text('{"older": []}')
    monkeypatch.setattr(bench, "RESULTS", results)
    monkeypatch.setattr(bench, "BENCHES", {"good": lambda: [Figure("speed", 1, "", bar=2)], "bad": broken})
    monkeypatch.setattr(sys, "argv", ["bench"])
    with pytest.raises(RuntimeError, match="no such luck"):
        bench.main()
    kept = json.loads(results.read_text())

    assert {"older", "good", "python"} == kept.keys()
    assert ["speed"] == [figure["name"] for figure in kept["good"]]


def test_a_runtime_that_is_not_there_is_a_row_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missed one; the other benchmarks go on."""
    monkeypatch.setenv("PATH", str(tmp_path))
    containers.can_run.cache_clear()
    figures = containers.measure()
    containers.can_run.cache_clear()

    assert [(False, f"there is no {name} here") for name in containers.RUNTIMES] == [
        (figure.ok, figure.beside) for figure in figures
    ]
