"""What an event says in the words of the vocabulary: from the record to its attributes, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..hints import Any
from . import events
from . import vocabulary as words
from .outcome import Outcome, Result

Row = dict[str, Callable[[Any], Any]]


def _error_type(error: str, otherwise: str = "") -> str:
    return error.partition(":")[0] if error else otherwise


def _failed(result: Result) -> str:
    return "" if result.outcome is Outcome.DONE else _error_type(result.error, str(result.outcome))


def _within(event: events.NoticeHeard) -> float | None:
    deadline = event.notice.deadline
    return None if deadline is None else _seconds(deadline - event.at)


def _seconds(seconds: float) -> float:
    return round(seconds, 6)


_NOTICE: Row = {
    words.NOTICE_CAUSE: lambda event: event.notice.cause,
    words.NOTICE_ORIGIN: lambda event: event.notice.origin,
    words.NOTICE_ACTION: lambda event: str(event.notice.action),
    words.NOTICE_SENDER: lambda event: event.notice.sender,
    words.NOTICE_SIGNAL: lambda event: event.notice.signum or None,
}
_WINDOW: Row = {
    words.WINDOW_LENGTH: lambda event: _seconds(event.plan.window.length),
    words.WINDOW_WORK: lambda event: _seconds(event.plan.window.work),
    words.WINDOW_RESERVE: lambda event: _seconds(event.plan.window.reserve),
    words.WINDOW_KIND: lambda event: str(event.plan.window.kind),
}
_PLAN: Row = {
    words.PLAN_HANDLERS: lambda event: len(event.plan.steps),
    words.PLAN_EXPECTED: lambda event: _seconds(event.plan.makespan),
    words.PLAN_CRITICAL: lambda event: event.plan.critical,
    words.PLAN_SKIPPED: lambda event: tuple(event.plan.skips),
}
_RUN: Row = {words.RUN_ID: lambda event: event.run}
_HANDLER: Row = {words.HANDLER: lambda event: event.handler}
_IN_FLIGHT: Row = {
    words.IN_FLIGHT: lambda event: len(event.what) + event.more,
    words.IN_FLIGHT_WHAT: lambda event: event.what,
}

SAID: dict[type, Row] = {
    events.NoticeHeard: {**_NOTICE, words.NOTICE_REMAINING: _within},
    events.RunStarted: {**_RUN, words.RUN_CAUSE: lambda event: event.notice.cause, **_NOTICE, **_WINDOW, **_PLAN},
    events.RunEnded: {
        **_RUN,
        words.RUN_VERDICT: lambda event: str(event.verdict),
        words.RUN_DURATION: lambda event: _seconds(event.seconds),
    },
    events.PlanChanged: {**_WINDOW, **_PLAN},
    events.AttemptStarted: {
        **_HANDLER,
        words.ATTEMPT: lambda event: event.attempt,
        words.ATTEMPT_REMAINING: lambda event: _seconds(event.deadline - event.at),
    },
    events.AttemptFailed: {
        **_HANDLER,
        words.ATTEMPT: lambda event: event.attempt,
        words.ATTEMPT_DELAY: lambda event: _seconds(event.again_at - event.at),
        words.ERROR_TYPE: lambda event: _error_type(event.error),
        words.ERROR_TEXT: lambda event: event.error.partition(": ")[2],
    },
    events.HandlerStuck: {
        **_HANDLER,
        words.HANDLER_REASON: lambda event: event.reason,
        words.STACK: lambda event: event.stack,
    },
    events.HandlerEnded: {
        words.HANDLER: lambda event: event.result.handler,
        words.HANDLER_OUTCOME: lambda event: str(event.result.outcome),
        words.HANDLER_REASON: lambda event: event.result.reason,
        words.HANDLER_DURATION: lambda event: _seconds(event.result.seconds),
        words.HANDLER_ATTEMPTS: lambda event: event.result.attempts,
        words.ERROR_TYPE: lambda event: _failed(event.result),
        words.ERROR_TEXT: lambda event: event.result.error.partition(": ")[2],
    },
    events.LoopBlocked: {
        words.LOOP_BLOCKED: lambda event: _seconds(event.seconds),
        words.STACK: lambda event: event.stack,
    },
    events.Noted: {**_HANDLER, words.HANDLER_NOTE: lambda event: event.text},
    events.Sized: {**_HANDLER, words.HANDLER_SIZE: lambda event: event.size},
    events.Waiting: _IN_FLIGHT,
    events.WorkCut: {**_IN_FLIGHT, words.IN_FLIGHT_REASON: lambda event: event.reason},
    events.Escalated: {
        words.ESCALATION: lambda event: event.level,
        words.ESCALATION_SIGNAL: lambda event: event.signum,
    },
    events.Drained: _RUN,
    events.RunWithdrawn: {**_RUN, **_NOTICE},
    events.Trouble: {words.TROUBLE: lambda event: event.code},
}
"""For each event of the core what it says, and how; an event of a room has `words` for its fields."""


def attributes(event: events.Event) -> dict[str, Any]:
    """Return what *event* says, by the words of the vocabulary; what it does not know is not there."""
    row = SAID.get(type(event))
    if row is None:
        return _of_room(event)
    found = {}
    for key, of in row.items():
        value = of(event)
        if value is not None and value not in ("", ()):
            found[key] = value
    return found


def words_of(kind: type) -> tuple[str, ...]:
    """Return what events of this *kind* may say."""
    row = SAID.get(kind)
    told: Mapping[str, str] = getattr(kind, "words", {})
    return tuple(told.values()) if row is None else tuple(row)


def _of_room(event: Any) -> dict[str, Any]:
    return {key: getattr(event, name) for name, key in event.words.items()}
