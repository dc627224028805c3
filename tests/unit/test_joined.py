"""Who has joined the agent, and what is kept of those that have gone."""

from __future__ import annotations

import tracemalloc
from typing import Any

from processender.agent.joined import MOST, Joined
from processender.agent.line import Caller

JOIN = {"do": "join", "service": "app", "handlers": [f"handler {number}" for number in range(50)]}
REPORT: dict[str, Any] = {"do": "report", "report": {"handlers": [{"name": "one"}]}}


def caller(number: int) -> Caller:
    """Return a caller to whom nothing is sent."""
    return Caller(number, 0, lambda _message: None)


def come_and_go(joined: Joined, numbers: range, *, report: bool) -> None:
    """Let that many join and leave, with or without a *report*."""
    for number in numbers:
        each = caller(number)
        joined.take(JOIN, each)
        if report:
            joined.take(REPORT, each)
        joined.lost(each)


def growth(*, report: bool) -> int:
    """Return by how many bytes it grows when many more have come and gone."""
    joined = Joined("service")
    come_and_go(joined, range(2 * MOST), report=report)
    tracemalloc.start()
    try:
        come_and_go(joined, range(500), report=report)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


class TestThoseThatHaveGone:
    def test_nothing_is_kept_of_them(self) -> None:
        """A command may start thousands of processes that join."""
        assert growth(report=False) < 100_000

    def test_of_their_reports_only_the_last_are_kept(self) -> None:
        """With the names of those."""
        joined = Joined("service")
        come_and_go(joined, range(10 * MOST), report=True)
        account = joined.account() or {}

        assert MOST - 1 == len(account["others"])
        assert "app/one" == account["handlers"][0]["name"]
        assert growth(report=True) < 300_000
