"""What an agent knows of its run, and of those that have joined it."""

from __future__ import annotations

from typing import Any

import pytest

from processender.agent.holding import Holding
from processender.agent.joined import Joined
from processender.agent.line import Caller
from processender.agent.watch import Story
from processender.core.events import Noted, RunEnded
from processender.core.outcome import Verdict
from processender.errors import ProcessEnderError
from tests.unit.live.test_course import STARTED


def test_there_is_no_story_before_a_run() -> None:
    """What happens outside of a run is nothing to watch."""
    story = Story()
    story.take(Noted(0.0, "x", "y"))

    assert {} == story.whole()


def test_a_story_is_told_from_its_begin_whenever_somebody_asks() -> None:
    """Who comes late sees the whole run, and what happens from then on."""
    story = Story()
    story.take(STARTED)
    story.take(Noted(1.0, "warn", "half"))
    late = story.whole()
    story.take(RunEnded(2.0, "run-1", Verdict.CLEAN, 2.0))

    assert "half" == late["handlers"]["warn"]["note"]
    assert ("ending", "ended") == (late["state"], story.whole()["state"])


def test_a_long_story_takes_no_more_room_than_its_course() -> None:
    """Of ten thousand notes the last one stands."""
    story = Story()
    story.take(STARTED)
    for number in range(10_000):
        story.take(Noted(1.0, "warn", str(number)))

    assert "9999" == story.whole()["handlers"]["warn"]["note"]
    assert len(story._events) < 1000


def caller(number: int) -> Caller:
    """Return an application at the other end of a connection."""
    return Caller(number, 0, lambda _message: None)


def test_who_has_joined_tells_its_run() -> None:
    """It stands under the name of its service until it has gone."""
    joined, app = Joined("shop"), caller(7)
    joined.take({"do": "join", "service": "orders", "handlers": []}, app)
    before = joined.courses()
    joined.take({"do": "course", "change": {"run": "r", "handlers": {"flush": {"state": "runs"}}}}, app)
    during = joined.courses()
    joined.lost(app)

    assert [] == before
    assert [("orders", {"run": "r", "handlers": {"flush": {"state": "runs"}}})] == during
    assert [] == joined.courses()


def test_who_has_not_joined_tells_no_run() -> None:
    """Nobody else is listened to."""
    with pytest.raises(ProcessEnderError, match="join first"):
        Joined("shop").take({"do": "course", "change": {}}, caller(7))


class Ending:
    """As much of an engine as is asked for its run."""

    def course(self) -> dict[str, Any]:
        """Return a run."""
        return {"run": "r", "handlers": {}}


def test_a_sidecar_is_watched_as_an_agent_is() -> None:
    """Who asks for the run gets it with the status, and what time it is; others get the status alone."""
    desk = Holding(Ending(), lambda: {"state": "ending"})
    answers: list[dict[str, Any]] = []
    for request in ({"do": "status"}, {"do": "status", "run": True}):
        desk.take(request, caller(7), answers.append)

    assert {"state": "ending"} == answers[0]
    assert {"state", "now", "run"} == set(answers[1])
    assert "r" == answers[1]["run"]["run"]
