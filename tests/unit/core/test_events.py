"""Events are frozen, their union is closed, and every consumer knows each of them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, ClassVar, get_args

import pytest

import processender
from processender.core import events
from processender.core.events import (
    AttemptFailed,
    AttemptStarted,
    Drained,
    Escalated,
    Event,
    HandlerEnded,
    HandlerStuck,
    LoopBlocked,
    Noted,
    NoticeHeard,
    PlanChanged,
    RoomEvent,
    RunEnded,
    RunStarted,
    RunWithdrawn,
    Sized,
    Trouble,
    Waiting,
    WorkCut,
)
from processender.core.handler import Handler
from processender.core.notice import Notice
from processender.core.outcome import Outcome, Result, Verdict
from processender.core.record import Record
from processender.core.rendering import ERROR, INFO, WARNING, render
from processender.testing.simulate import make_plan


class ProxyDrained(RoomEvent):
    """An event of a room above the core."""

    key: ClassVar[str] = "haproxy.drained"

    backend: str


NOTICE = Notice("SIGTERM", "signals", 0.0)
PLAN = make_plan([Handler("flush")])
#: One of each, with the words that its line must hold.
SAMPLES: dict[type, tuple[Event, str]] = {
    NoticeHeard: (NoticeHeard(1.0, NOTICE), "SIGTERM"),
    RunStarted: (RunStarted(1.0, "id", NOTICE, PLAN), "SIGTERM: 1 handlers"),
    RunEnded: (RunEnded(1.0, "id", Verdict.CLEAN, 2.0), "ended clean after 2.00 s"),
    PlanChanged: (PlanChanged(1.0, PLAN), "planned anew: 1 handlers, 30.00 s in all"),
    AttemptStarted: (AttemptStarted(1.0, "flush", 1, 5.0), "flush: attempt 1"),
    AttemptFailed: (AttemptFailed(1.0, "flush", 1, "OSError: x", 3.0), "flush: attempt 1: OSError: x; again in 2.00 s"),
    HandlerStuck: (
        HandlerStuck(1.0, "flush", "its 2 s are up", "  File x"),
        "flush is stuck: its 2 s are up\n  File x",
    ),
    HandlerEnded: (
        HandlerEnded(1.0, Result("flush", Outcome.FAILED, "why", 0.0, 1.0, 1, "OSError: x")),
        "flush: failed after 1.00 s (why; OSError: x)",
    ),
    LoopBlocked: (LoopBlocked(1.0, 0.5, "  File x"), "has been blocked for 0.50 s\n  File x"),
    Waiting: (Waiting(1.0, ("one", "two")), "waiting for 2 in flight: one, two"),
    Sized: (Sized(1.0, "flush", 300.0), "flush: 300 to do"),
    Noted: (Noted(1.0, "haproxy", "the last of 3 has left"), "haproxy: the last of 3 has left"),
    WorkCut: (WorkCut(1.0, ("GET /feed",), "0 s are over"), "cut 1 in flight, 0 s are over: GET /feed"),
    Escalated: (Escalated(1.0, 2, 2), "asked to hurry"),
    Drained: (Drained(1.0, "id"), "traffic is left"),
    RunWithdrawn: (RunWithdrawn(1.0, "id", NOTICE), "taken back by signals"),
    Trouble: (Trouble(1.0, "signal-taken", "somebody took SIGTERM"), "somebody took SIGTERM"),
    RoomEvent: (ProxyDrained(1.0, "web"), "at=1.0, backend=web"),
}
MEMBERS = get_args(Event)


def test_the_union_holds_every_event_of_the_core() -> None:
    """Who adds a class adds it to the union, too."""
    classes = {value for value in vars(events).values() if isinstance(value, type) and issubclass(value, Record)}
    own = {each for each in classes if each.__module__ == events.__name__}

    assert own == set(MEMBERS)


def test_there_is_a_sample_of_every_event() -> None:
    """Who adds an event adds the line that a reader will see."""
    assert set(MEMBERS) == set(SAMPLES)


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.__name__)
def test_every_event_is_rendered(kind: type) -> None:
    """As a line with what it is about."""
    event, words = SAMPLES[kind]
    _, _, text = render(event)

    assert words in text


def made(kind: Any) -> Any:
    """Return an event of a room, with a number in each field but the account."""
    account = {"id": "a", "ended": None, "verdict": "forced", "cause": "killed"}
    return kind(*(account if name == "account" else 1.0 + number for number, name in enumerate(kind.fields)))


def rooms() -> list[Any]:
    """Return the classes of all events of rooms."""
    root = Path(processender.__file__).parent
    for path in root.rglob("*.py"):
        if "(RoomEvent)" in path.read_text():
            importlib.import_module(".".join(("processender", *path.relative_to(root).with_suffix("").parts)))
    return [each for each in RoomEvent.__subclasses__() if each.__module__.startswith("processender.")]


def test_every_event_of_a_room_has_words_of_its_own() -> None:
    """Its fields are for programs; and none of them is shown as a pair of name and value."""
    kinds = rooms()

    assert {"StopStep", "Watching", "RecoveryEnded"} <= {each.__name__ for each in kinds}
    for kind in kinds:
        event = made(kind)

        assert "=" not in render(event)[2]


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.__name__)
def test_every_event_says_when(kind: type) -> None:
    """Its first field."""
    assert "at" == kind.fields[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.__name__)
def test_every_event_is_frozen(kind: type) -> None:
    """An observer cannot change what the next one sees."""
    event: Any = SAMPLES[kind][0]

    with pytest.raises(AttributeError, match="never changes"):
        event.at = 0.0


def test_every_event_has_a_key_of_its_own() -> None:
    """Keys tell events apart."""
    keys = [render(event)[1] for event, _ in SAMPLES.values()]

    assert len(keys) == len(set(keys))


def test_the_keys_are_frozen() -> None:
    """They are part of what is released."""
    keys = {kind.__name__: render(event)[1] for kind, (event, _) in SAMPLES.items()}

    assert {
        "NoticeHeard": "notice.heard",
        "RunStarted": "run.started",
        "RunEnded": "run.ended",
        "PlanChanged": "plan.changed",
        "AttemptStarted": "attempt.started",
        "AttemptFailed": "attempt.failed",
        "HandlerStuck": "handler.stuck",
        "HandlerEnded": "handler.ended",
        "LoopBlocked": "loop.blocked",
        "Noted": "handler.noted",
        "Sized": "handler.sized",
        "Waiting": "inflight.waiting",
        "WorkCut": "inflight.cut",
        "Escalated": "escalated",
        "Drained": "run.drained",
        "RunWithdrawn": "run.withdrawn",
        "Trouble": "trouble.signal-taken",
        "RoomEvent": "haproxy.drained",
    } == keys


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        (Notice("exit", "api", 0.0), "heard exit"),
        (Notice("SIGHUP", "signals", 0.0), "heard SIGHUP"),
        (Notice("drain", "control", 0.0, sender="token ops"), "heard drain from token ops"),
        (Notice("spot", "metadata", 0.0), "heard spot from metadata"),
        (Notice("on battery", "ups", 0.0, sender="OB", key="battery"), "heard on battery from ups (OB)"),
        (Notice("spot stop", "machine", 0.0, key="spot"), "heard spot stop from machine"),
    ],
)
def test_what_nobody_has_said_has_no_sender(notice: Notice, words: str) -> None:
    """The way by which it has come means nothing to a reader."""
    assert words == render(NoticeHeard(1.0, notice))[2]


@pytest.mark.parametrize(("outcome", "level"), [(each, INFO if each == "done" else WARNING) for each in Outcome])
def test_only_done_is_no_warning(outcome: Outcome, level: int) -> None:
    """A reader who looks at warnings sees every other end."""
    assert level == render(HandlerEnded(1.0, Result("a", outcome)))[0]


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.CLEAN])
def test_only_clean_is_no_warning(verdict: Verdict) -> None:
    """A reader who looks at warnings sees every other verdict."""
    assert WARNING <= render(RunEnded(1.0, "id", verdict, 1.0))[0] <= ERROR


def test_a_handler_that_never_began_took_no_time() -> None:
    """Its line shows none."""
    _, _, text = render(HandlerEnded(1.0, Result("commit", Outcome.SKIPPED, "needs flush", None, 1.0)))

    assert "commit: skipped (needs flush)" == text


def test_the_third_interrupt_has_words_of_its_own() -> None:
    """Hurry and force differ."""
    assert "asked to end at once" == render(Escalated(1.0, 3, 2))[2]
