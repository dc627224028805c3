"""
The spans of an account: one trace for each run, and one for each crash with what followed it.

Their ids are made of the account's id, so whoever sends the account again, from wherever, sends the same spans. At the
root stands the run; below it its phases, below those the handlers, below those their attempts. What the sources said
before is beside them, and the root is linked to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

from ..core import vocabulary as words
from ..core.record import Record
from ..hints import Any
from .plain import KILLED, is_crash, number, table, tables, text, texts
from .timeline import Attempt, Bar, Timeline, timeline

DONE, CLEAN, CANCELLED, SKIPPED = "done", "clean", "cancelled", "skipped"
RUN, CRASH, NOTICE, PHASE, ATTEMPT = "shutdown", "crash", "notice", "phase", "attempt"
"""What the spans are called; a handler's is called `handler` and its name, a phase's `phase` and its name."""
_TEXT = 500


class Link(Record):
    """What a span has to do with another one."""

    trace: bytes
    """The trace of the other."""
    span: bytes
    """The other."""
    attributes: dict[str, Any] = {}  # noqa: RUF012 - a record is never changed
    """What there is to say of it."""


class SpanEvent(Record):
    """What happened at one instant of a span, as OpenTelemetry calls it."""

    name: str
    """What."""
    at: float
    """When, seconds since 1970."""
    attributes: dict[str, Any] = {}  # noqa: RUF012 - a record is never changed
    """What there is to say of it."""


class Span(Record):
    """One stretch of what happened; times are seconds since 1970."""

    name: str
    """What it is called: one of few, since backends group by it."""
    trace: bytes
    """Its trace, 16 bytes."""
    id: bytes
    """Its own id, 8 bytes."""
    parent: bytes
    """The id of the span around it; empty at the root."""
    start: float
    """When it began."""
    end: float
    """When it ended."""
    attributes: dict[str, Any]
    """What there is to say of it, in the words of the vocabulary."""
    error: str | None = None
    """Why it was no success; empty where there are no words for it, None for a success."""
    links: tuple[Link, ...] = ()
    """What it is linked to."""
    events: tuple[SpanEvent, ...] = ()
    """What happened in it."""


def trace_id(account: Mapping[str, Any]) -> bytes:
    """Return the id of the trace of *account*, always the same."""
    return blake2b(f"trace {account.get('id')}".encode("utf-8", "replace"), digest_size=16).digest()


def span_id(account: Mapping[str, Any], *path: object) -> bytes:
    """Return the id of the span at this *path* in the trace of *account*, always the same; without one the root's."""
    whole = "\0".join(str(each) for each in ("span", account.get("id"), *path))
    return blake2b(whole.encode("utf-8", "replace"), digest_size=8).digest()


def spans(account: Mapping[str, Any]) -> tuple[Span, ...]:
    """Return the spans of *account*, a report or the account of a crash as it was read: nothing of it is trusted."""
    return tuple(_of_crash(account) if is_crash(account) else _of_run(account))


def where(account: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of the resource of *account*: where it happened, and to whom."""
    environment = table(account.get("environment"))
    found = {
        words.SERVICE: text(account.get("service")) or "unknown_service",
        words.SERVICE_VERSION: text(account.get("version")),
        words.SERVICE_INSTANCE: text(account.get("instance")),
        words.DEPLOYMENT: text(account.get("deployment")),
        words.ZONE: text(account.get("zone")),
        words.HOST: text(account.get("host")),
        words.NODE: text(account.get("node")),
        words.PID: _whole(environment.get("pid", account.get("pid"))),
    }
    return _said(found)


def about(account: Mapping[str, Any]) -> dict[str, Any]:
    """Return what there is to say of the run, or of the crash, as a whole."""
    if is_crash(account):
        return _said({
            words.CRASH_ID: text(account.get("id")),
            words.CRASH_CAUSE: text(account.get("cause")),
            words.CRASH_SIGNAL: text(account.get("signal")),
            words.CRASH_RESTARTS: _whole(account.get("restarts")),
            words.EXIT_CODE: _whole(account.get("exit")),
            words.OWED: len([*tables(account.get("obligations"))]),
        })  # fmt: skip
    window = table(account.get("window"))
    first = next(tables(account.get("notices")), {})
    verdict, killed = text(account.get("verdict")), account.get("ended") is None
    return _said({
        words.RUN_ID: text(account.get("id")),
        words.RUN_CAUSE: text(account.get("cause")),
        words.RUN_SOURCE: text(first.get("origin")),
        words.RUN_VERDICT: verdict,
        words.RUN_PROVISIONAL: True if killed else None,
        words.RUN_CLEAN: not killed and verdict == CLEAN,
        words.RUN_DURATION: number(account.get("seconds")),
        words.WINDOW_LENGTH: number(window.get("length_s")),
        words.WINDOW_WORK: number(window.get("work_s")),
        words.WINDOW_RESERVE: number(window.get("reserve_s")),
        words.WINDOW_KIND: text(window.get("kind")),
        words.IN_FLIGHT_AT_START: _whole(account.get("in_flight_at_start")),
        words.IN_FLIGHT_CUT: len([*tables(account.get("cut"))]),
        words.EXIT_CODE: _whole(account.get("exit")),
    })  # fmt: skip


# A run.


def _of_run(account: Mapping[str, Any]) -> Iterator[Span]:
    line = timeline(account)
    trace, root = trace_id(account), span_id(account)
    notices = [*_notices(account, line, trace, root)]
    failed = line.verdict not in {CLEAN, CANCELLED}
    ran = [bar for bar in line.bars if bar.start is not None]
    ends = [line.seconds or 0.0, *(bar.end or 0.0 for bar in ran)]
    attributes = about(account) | _said({words.PLAN_CRITICAL: [*line.critical]})
    yield Span(
        RUN, trace, root, b"", line.started, line.started + max(ends), attributes,
        error=_why(account, line) if failed else None,
        links=tuple(Link(trace, each.id, each.attributes) for each in notices),
        events=tuple(_events(account, line)),
    )  # fmt: skip
    yield from notices
    yield from _phases(account, line, trace, root)
    for bar in line.bars:
        yield from _handler(account, line, bar)


def _why(account: Mapping[str, Any], line: Timeline) -> str:
    if line.verdict == KILLED:
        return "nothing was heard of it again"
    undone = [f"{bar.name}: {bar.outcome}" for bar in line.bars if bar.outcome not in {DONE, ""}]
    return f"{text(account.get('verdict'))}{': ' if undone else ''}{', '.join(undone)}"[:_TEXT]


def _notices(account: Mapping[str, Any], line: Timeline, trace: bytes, root: bytes) -> Iterator[Span]:
    for place, each in enumerate(tables(account.get("notices"))):
        at, deadline = number(each.get("at")), number(each.get("deadline"))
        start = line.started if at is None else at
        attributes = {
            words.NOTICE_CAUSE: text(each.get("cause")),
            words.NOTICE_ORIGIN: text(each.get("origin")),
            words.NOTICE_ACTION: text(each.get("action")),
            words.NOTICE_SENDER: text(each.get("sender")),
            words.NOTICE_REMAINING: None if deadline is None else deadline - start,
        }
        # From when it was heard to when the run began, if it began because of it.
        end = max(start, line.started)
        yield Span(NOTICE, trace, span_id(account, NOTICE, place), root, start, end, _said(attributes))


def _phases(account: Mapping[str, Any], line: Timeline, trace: bytes, root: bytes) -> Iterator[Span]:
    undone = {(bar.part, bar.phase) for bar in line.bars if bar.outcome not in {DONE, SKIPPED, ""}}
    for each in line.phases:
        name = f"{each.part}/{each.name}" if each.part else each.name
        yield Span(
            f"{PHASE} {name}"[:_TEXT], trace, span_id(account, PHASE, each.part, each.name), root,
            line.started + each.start, line.started + each.end, {words.PHASE: name},
            error="" if (each.part, each.name) in undone else None,
        )  # fmt: skip


def _handler(account: Mapping[str, Any], line: Timeline, bar: Bar) -> Iterator[Span]:
    """Give the span of a handler and those of its attempts; one that never began has a length of nothing."""
    ran = bar.start is not None and bar.end is not None
    start, end = (bar.start or 0.0, bar.end or 0.0) if ran else (0.0, 0.0)
    around = span_id(account, PHASE, bar.part, bar.phase) if ran else span_id(account)
    trace, own = trace_id(account), span_id(account, "handler", bar.part, bar.name)
    attributes = {
        words.HANDLER: bar.name,
        words.HANDLER_PHASE: bar.phase,
        words.HANDLER_IMPORTANCE: bar.importance,
        words.HANDLER_OUTCOME: bar.outcome,
        words.HANDLER_REASON: bar.why if bar.outcome != DONE else "",
        words.HANDLER_NEEDS: [*bar.needs],
        words.HANDLER_ATTEMPTS: len(bar.attempts),
        words.HANDLER_CRITICAL: True if bar.critical else None,
    }
    failed = bar.outcome not in {DONE, SKIPPED, ""}
    yield Span(
        f"handler {bar.name}"[:_TEXT], trace, own, around, line.started + start, line.started + end,
        _said(attributes), error=bar.why[:_TEXT] if failed else None,
    )  # fmt: skip
    for count, each in enumerate(bar.attempts, start=1):
        yield _attempt(account, line, bar, count, each)


def _attempt(account: Mapping[str, Any], line: Timeline, bar: Bar, count: int, each: Attempt) -> Span:
    last = count == len(bar.attempts)
    failed = bool(each.error) if not last else bar.outcome not in {DONE, ""}
    kind = each.error.partition(":")[0]
    attributes = {words.HANDLER: bar.name, words.ATTEMPT: count, **_said({words.ERROR_TYPE: kind if failed else ""})}
    return Span(
        ATTEMPT, trace_id(account), span_id(account, ATTEMPT, bar.part, bar.name, count),
        span_id(account, "handler", bar.part, bar.name), line.started + each.start, line.started + each.end,
        attributes, error=each.error[:_TEXT] if failed else None,
    )  # fmt: skip


def _events(account: Mapping[str, Any], line: Timeline) -> Iterator[SpanEvent]:
    """Give what happened at one instant: what was stuck, and what was cut."""
    for each in tables(account.get("stuck")):
        attributes = {words.HANDLER: text(each.get("handler")), words.HANDLER_REASON: text(each.get("reason"))}
        stack = "\n".join(texts(each.get("stack")))
        at = line.started + (number(each.get("at_s")) or 0.0)
        yield SpanEvent(words.event_name("handler.stuck"), at, _said(attributes | {words.STACK: stack}))
    for each in tables(account.get("cut")):
        attributes = {words.IN_FLIGHT_REASON: text(each.get("reason"))}
        what = {words.IN_FLIGHT_WHAT: [text(each.get("what"))]}
        at = line.started + (number(each.get("at_s")) or 0.0)
        yield SpanEvent(words.event_name("inflight.cut"), at, _said(attributes | what))


# A crash.


def _of_crash(account: Mapping[str, Any]) -> Iterator[Span]:
    """Give the crash as a span from when it was noticed to when all that follows it was over."""
    at = number(account.get("at")) or 0.0
    followed = [*tables(account.get("handlers"))]
    ends = [at + (number(each.get("ended_s")) or 0.0) for each in followed]
    trace, root = trace_id(account), span_id(account)
    stacks = {words.STACK: text(account.get("stacks"))}
    yield Span(
        CRASH, trace, root, b"", at, max([at, *ends]), about(account), error=text(account.get("cause")),
        events=(SpanEvent("exception", at, _said(stacks | {words.ERROR_TYPE: text(account.get("cause"))})),),
    )  # fmt: skip
    for each in followed:
        name, outcome = text(each.get("name")), text(each.get("outcome"))
        start = at + (number(each.get("started_s")) or 0.0)
        said = {words.HANDLER: name, words.HANDLER_OUTCOME: outcome, words.HANDLER_REASON: text(each.get("error"))}
        failed = outcome not in {DONE, SKIPPED, ""}
        yield Span(
            f"handler {name}"[:_TEXT], trace, span_id(account, "handler", "", name), root,
            start, max(start, at + (number(each.get("ended_s")) or 0.0)),
            _said(said), error=text(each.get("error"))[:_TEXT] if failed else None,
        )  # fmt: skip


def _whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _said(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the *attributes* that say something."""
    return {key: value for key, value in attributes.items() if value is not None and value not in ("", [])}
