"""Programs that are killed at random while they hold real files, locks, children and locks of servers."""

from __future__ import annotations

import os

import pytest

from bench import kills

COUNT = int(os.environ.get("PROCESSENDER_KILLS", "25"))


@pytest.mark.timeout(60 + 3 * COUNT)
def test_after_a_kill_at_random_nothing_is_left_and_nothing_else_is_touched(postgres_url: str, redis_url: str) -> None:
    """What the dead owed is gone; what the heir and the bystander hold stays. `make torture` kills ten thousand."""
    owed, heirs, wrong = kills.apart(COUNT, postgres_url, redis_url)

    assert [] == wrong
    assert owed > COUNT
    assert 0 < heirs < COUNT
