"""Who keeps books."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from processender.telemetry.facts import Accounted
from processender.telling import Bookkeeper
from tests.unit.archive.accounts import account


def written(place: Path) -> list[str]:
    """Return the lines of the archive."""
    return [line for each in sorted((place / "archive").glob("*.jsonl")) for line in each.read_text().splitlines()]


def booked(place: Path, keeper: Bookkeeper, **told: Any) -> bool:
    """Tell whether *keeper* has noted an account."""
    keeper.observe(Accounted(1.0, account("1", **told), str(place)))
    return (place / "archive").exists()


def test_an_account_is_noted(tmp_path: Path) -> None:
    """Whatever has ended the program."""
    keeper = Bookkeeper()
    keeper.prepare()

    assert booked(tmp_path, keeper, cause="exit", verdict="clean")


def test_a_command_that_is_over_at_once_and_well_does_not_wait_for_the_books(tmp_path: Path) -> None:
    """Nobody has ended it, and its report is there; to load the books would take longer than it has run."""
    assert not booked(tmp_path, Bookkeeper(), cause="exit", verdict="clean")


def test_one_that_was_ended_at_once_is_noted(tmp_path: Path) -> None:
    """The books are loaded then."""
    assert booked(tmp_path, Bookkeeper(), cause="SIGTERM", verdict="clean")


def test_one_that_has_not_ended_well_is_noted(tmp_path: Path) -> None:
    """So is what was not done."""
    assert booked(tmp_path, Bookkeeper(), cause="exit", verdict="degraded")


def test_an_account_that_an_agent_keeps_is_not_noted_twice(tmp_path: Path) -> None:
    """It has no directory here."""
    keeper = Bookkeeper()
    keeper.observe(Accounted(1.0, account("1"), ""))

    assert [] == list(tmp_path.iterdir())


def test_one_whose_clean_up_goes_on_is_noted_as_begun(tmp_path: Path) -> None:
    """The command was over at once; should the clean-up be killed, its begin is known."""
    keeper = Bookkeeper()
    begun = booked(tmp_path, keeper, cause="exit", verdict="forced", ended=None)
    keeper.prepare()

    assert not begun
    assert ["start"] == [next(iter(json.loads(line))) for line in written(tmp_path)]
